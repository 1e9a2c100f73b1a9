"""Which columns each column of a mart is computed from, read from the SQL that dbt compiled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Column of a mart -> the (schema, table, column) that it is made from.
Lineage = Mapping[str, Sequence[tuple[str, str, str]]]


def column_lineage(folder: Path) -> dict[str, Lineage]:
    """Mart -> its lineage, from the manifest and catalog that `dbt docs generate` left."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    catalog = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))
    tables = _columns_of_tables(manifest, catalog)
    dialect = manifest["metadata"]["adapter_type"]
    # On BigQuery schemas may begin with a prefix; those of the platform's assets do not.
    source = next(iter(manifest["sources"].values()))
    prefix = source["schema"].removesuffix(source["source_name"])
    return {
        node["name"]: _of_model(
            node["compiled_code"], list(node["columns"]), tables, dialect, prefix
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
    }


def _columns_of_tables(
    manifest: Mapping[str, Any], catalog: Mapping[str, Any]
) -> dict[str, dict[str, dict[str, str]]]:
    """Schema -> table -> column -> type: what `select *` stands for.

    As described where the warehouse does not have the table yet: docs are made at the first start.
    """
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for node in (*manifest["nodes"].values(), *manifest["sources"].values()):
        columns = {name: column["data_type"] for name, column in node.get("columns", {}).items()}
        if columns:
            name = node.get("identifier") or node["alias"]
            tables.setdefault(node["schema"], {})[name] = columns
    for entry in (*catalog["nodes"].values(), *catalog["sources"].values()):
        about = entry["metadata"]
        columns = {name: column["type"] for name, column in entry["columns"].items()}
        tables.setdefault(about["schema"], {})[about["name"]] = columns
    return tables


def _of_model(
    sql: str,
    columns: Sequence[str],
    tables: Mapping[str, Mapping[str, Mapping[str, str]]],
    dialect: str,
    prefix: str,
) -> Lineage:
    from sqlglot import exp, parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    parsed = parse_one(sql, dialect=dialect)
    for table in parsed.find_all(exp.Table):
        table.set("catalog", None)  # one lake: schema and table say it all
    qualified = qualify(
        parsed, schema=dict(tables), dialect=dialect, validate_qualify_columns=False
    )
    scope = build_scope(qualified)
    found: dict[str, Sequence[tuple[str, str, str]]] = {}
    for column in columns:
        node = lineage(
            column, qualified, dict(tables), scope=scope, dialect=dialect, trim_selects=False
        )
        found[column] = sorted(set(_leaves(node, prefix)))
    return found


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, str, str]]:
    from sqlglot import exp

    for part in node.walk():
        table = part.expression
        if isinstance(table, exp.Table) and table.db:
            yield (
                table.db.removeprefix(prefix),
                table.name,
                part.name.rpartition(".")[2].strip('"`'),
            )
