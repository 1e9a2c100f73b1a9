"""A lake in use, emptied: what tests begin with that are not about a lake that is new."""

from __future__ import annotations

from pathlib import Path

from market_assets.warehouse.connection import connect
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.layout import Layout

COLUMNS = (
    "SELECT schema_name, table_name, list(data_type ORDER BY column_index) FROM duckdb_columns()"
    " WHERE database_name = 'lake' GROUP BY ALL ORDER BY ALL"
)
BLANK = {"TIMESTAMP": "TIMESTAMP '2026-03-10'", "VARCHAR": "''", "BOOLEAN": "false"}


def had_rows_once(path: Path) -> None:
    """Every table has held a row, and none holds one now.

    DuckLake asks for the statistics of a table that never had a row once a column at every read:
    a first run into a new lake took 0.67 s of CPU and into one like this 0.38 s (duckdb 1.5.5,
    2026-11-21). tests/warehouse begins with lakes that are new.
    """
    connection = connect(Layout(path))
    tables = connection.execute(COLUMNS).fetchall()
    try:
        connection.execute("BEGIN")
        for schema, table, kinds in tables:
            values = ", ".join(BLANK.get(kind, "0") for kind in kinds)
            connection.execute(f'INSERT INTO lake.{schema}."{table}" VALUES ({values})')
        connection.execute("COMMIT")
        connection.execute("BEGIN")
        for schema, table, _kinds in tables:
            connection.execute(f'DELETE FROM lake.{schema}."{table}"')
        connection.execute("COMMIT")
    finally:
        connection.close()
    # No file and no older snapshot of it stays.
    with DuckLakeWarehouse(path) as lake:
        lake.maintain(snapshot_days=0, grace_seconds=0)
