"""The tables of the store, built from the canonical columns, and the SQL that makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import DATASETS, Column, Dataset, Kind
from market_assets.warehouse.sql import CATALOG, LAKE, LIVE_TABLES, identifier, literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Times are stored as naive UTC: the same meaning in every engine, and no session time zone in it.
SQL_TYPES: Mapping[Kind, str] = {
    "timestamp": "TIMESTAMP",
    "string": "VARCHAR",
    "float": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
}
_VENUE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A physical table: where it is, what it holds, and the time it is partitioned by."""

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    partitioned_by: str | None = None

    @property
    def qualified(self) -> str:
        return f"{LAKE}.{self.schema}.{identifier(self.name)}"

    def arrow_schema(self) -> pa.Schema:
        """The columns as they are put in: times without a zone."""
        import pyarrow as pa

        types: Mapping[Kind, Callable[[], pa.DataType]] = {
            "timestamp": lambda: pa.timestamp("us"),
            "string": pa.string,
            "float": pa.float64,
            "integer": pa.int64,
            "boolean": pa.bool_,
        }
        return pa.schema([(column.name, types[column.kind]()) for column in self.columns])


def raw_table(venue: str, dataset: Dataset) -> StoredTable:
    """The table of one venue's dataset: `raw.<venue>_<dataset>`."""
    if not _VENUE.fullmatch(venue):
        raise RequestInvalid(
            "Naming a raw table",
            f"{venue!r} is not a venue's name",
            "Use lower-case letters, digits and underscores, such as binance.",
        )
    timed = "timestamp" in dataset.column_names
    return StoredTable(
        "raw",
        f"{venue}_{dataset.name}",
        f"{venue}: {dataset.description}",
        dataset.columns,
        partitioned_by="timestamp" if timed else None,
    )


def dataset_of(table: str) -> Dataset | None:
    """Which dataset a raw table holds: `binance_ohlcv` -> ohlcv."""
    return next((d for d in DATASETS.values() if table.endswith(f"_{d.name}")), None)


def create_missing(connection: duckdb.DuckDBPyConnection, tables: Sequence[StoredTable]) -> None:
    """Create the tables that are not there, and the columns that newer versions added.

    Runs in the caller's transaction, under the writer lock.
    """
    stored = stored_columns(connection)
    for schema in sorted({table.schema for table in tables}):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE}.{schema}")
    for table in tables:
        columns = stored.get((table.schema, table.name))
        if columns is None:
            _create(connection, table)
            continue
        for column in table.columns:
            if column.name not in columns:
                # Nullable whatever it says: the rows already stored have no value for it.
                kind = SQL_TYPES[column.kind]
                connection.execute(
                    f"ALTER TABLE {table.qualified} ADD COLUMN {identifier(column.name)} {kind}"
                )


def is_complete(stored: Mapping[tuple[str, str], set[str]], table: StoredTable) -> bool:
    columns = stored.get((table.schema, table.name), set())
    return all(column.name in columns for column in table.columns)


def stored_columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], set[str]]:
    """(schema, table) -> its columns, as the catalog has them now.

    DuckDB's own list of columns looks at every table: 25 ms instead of 6, each time that a
    warehouse is opened (duckdb 1.5.5, 2026-11-22).
    """
    columns: dict[tuple[str, str], set[str]] = {}
    for schema, table, column in connection.execute(
        f"SELECT s.schema_name, t.table_name, c.column_name FROM {LIVE_TABLES}"
        f" JOIN {CATALOG}.ducklake_column c ON c.table_id = t.table_id"
        " WHERE c.end_snapshot IS NULL AND c.parent_column IS NULL"
    ).fetchall():
        columns.setdefault((schema, table), set()).add(column)
    return columns


def venue_datasets() -> tuple[Dataset, ...]:
    """What every venue has a table for."""
    return tuple(DATASETS.values())


def _create(connection: duckdb.DuckDBPyConnection, table: StoredTable) -> None:
    columns = ", ".join(
        f"{identifier(column.name)} {SQL_TYPES[column.kind]}"
        f"{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    )
    connection.execute(f"CREATE TABLE {table.qualified} ({columns})")
    if table.partitioned_by:
        time = identifier(table.partitioned_by)
        # Not by month: a chunk of a backfill would be cut into a dozen files (0.3 s of CPU instead
        # of 0.05), and each file's own range of times is skipped by just as well.
        connection.execute(f"ALTER TABLE {table.qualified} SET PARTITIONED BY (year({time}))")
    connection.execute(f"COMMENT ON TABLE {table.qualified} IS {literal(table.description)}")
    for column in table.columns:
        connection.execute(
            f"COMMENT ON COLUMN {table.qualified}.{identifier(column.name)}"
            f" IS {literal(column.description)}"
        )
