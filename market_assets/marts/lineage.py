"""Which columns each column of a mart is computed from, read from the SQL that dbt compiled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot.lineage import Node
    from sqlglot.schema import MappingSchema

# Column of a mart -> the (schema, table, column) that it is made from.
Lineage = Mapping[str, Sequence[tuple[str, str, str]]]


def column_lineage(folder: Path) -> dict[str, Lineage]:
    """Mart -> its lineage, from the manifest and catalog that `dbt docs generate` left."""
    from sqlglot.schema import MappingSchema

    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    catalog = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))
    dialect = manifest["metadata"]["adapter_type"]
    # Made once: sqlglot would make one of the plain names for every column of every mart.
    tables = MappingSchema(_columns_of_tables(manifest, catalog), dialect=dialect)
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


def _columns_of_tables(manifest: Mapping[str, Any], catalog: Mapping[str, Any]) -> dict[str, Any]:
    """Schema -> table -> column -> type: what `select *` stands for.

    As described where the warehouse does not have the table yet: docs are made at the first start.
    """
    tables: dict[str, Any] = {}
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
    tables: MappingSchema,
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
    qualified = qualify(parsed, schema=tables, dialect=dialect, validate_qualify_columns=False)
    # All columns at once: what several are made from is looked up once.
    nodes = lineage(
        None,
        qualified,
        tables,
        scope=build_scope(qualified),
        dialect=dialect,
        trim_selects=False,
        copy=False,
    )
    return {column: sorted(_leaves(nodes[column], prefix)) for column in columns}


def _leaves(node: Node, prefix: str) -> set[tuple[str, str, str]]:
    """The columns of tables below a node, each part visited once however many are made from it."""
    from sqlglot import exp

    found: set[tuple[str, str, str]] = set()
    seen: set[int] = set()
    left = [node]
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        left += part.downstream
        table = part.expression
        if isinstance(table, exp.Table) and table.db:
            name = part.name.rpartition(".")[2].strip('"`')
            found.add((table.db.removeprefix(prefix), table.name, name))
    return found
