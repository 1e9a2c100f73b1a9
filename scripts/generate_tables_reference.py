"""Write docs/reference/tables.md from schemas and dbt; `--check` only says whether it is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from reference_page import publish, table

from market_assets.venues.registry import VENUES
from market_assets.warehouse.ddl import StoredTable, raw_table, venue_datasets
from market_assets.warehouse.tables import COMMON_TABLES

MARTS = Path(__file__).parents[1] / "dbt_project" / "models" / "marts"
HEAD = """# Tables

<!-- Made by `make docs-reference` from the schemas, the warehouse and dbt. Do not edit. -->

Every table and column of the warehouse, the same in both engines. Times are UTC. Null is allowed
where the meaning says so. The dbt docs beside Dagster show the same with lineage for each column.
"""
COLUMNS = ("column", "type", "meaning")


def render() -> str:
    return HEAD + "".join([*_raw(), *_ops(), *_marts()])


def _raw() -> Iterator[str]:
    yield "\n## raw: what the venues said\n"
    for dataset in venue_datasets():
        one = raw_table(next(iter(VENUES)), dataset)
        names = ", ".join(f"`raw.{venue}_{dataset.name}`" for venue in VENUES)
        yield f"\n### raw.&lt;venue&gt;_{dataset.name}\n\n{dataset.description}: {names}.\n\n"
        yield _columns(one)
    yield from _stored(one for one in COMMON_TABLES if one.schema == "raw")


def _ops() -> Iterator[str]:
    yield "\n## ops: how it was collected\n"
    yield from _stored(one for one in COMMON_TABLES if one.schema == "ops")


def _stored(tables: Iterable[StoredTable]) -> Iterator[str]:
    for one in tables:
        yield f"\n### {one.schema}.{one.name}\n\n{one.description}.\n\n{_columns(one)}"


def _columns(stored: StoredTable) -> str:
    rows = (
        (f"`{column.name}`", column.kind, column.description + ("; or null" * column.nullable))
        for column in stored.columns
    )
    return table(COLUMNS, rows)


def _marts() -> Iterator[str]:
    for folder in sorted(path for path in MARTS.iterdir() if path.is_dir()):
        yield f"\n## marts: {folder.name}\n"
        for file in sorted(folder.glob("*.yml")):
            for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", ()):
                yield _mart(model)


def _mart(model: dict[str, Any]) -> str:
    rows = (
        (f"`{column['name']}`", column["data_type"], column["description"])
        for column in model["columns"]
    )
    said = " ".join(model["description"].split())
    return f"\n### marts.{model['name']}\n\n{said}\n\n{table(COLUMNS, rows)}"


def main() -> int:
    return publish("reference/tables.md", render())


if __name__ == "__main__":
    sys.exit(main())
