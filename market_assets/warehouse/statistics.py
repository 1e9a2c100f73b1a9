"""What the catalog says about tables that never had a row, so that reading them costs little.

DuckLake asks for the statistics of such a table once a column at every read: 100 ms of CPU instead
of 15 (duckdb 1.5.5, 2026-11-21). Many tables stay empty for long, and every commit and check reads
some of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.warehouse.sql import CATALOG

if TYPE_CHECKING:
    import duckdb

_UNTOLD = f"table_id NOT IN (SELECT table_id FROM {CATALOG}.ducklake_table_stats)"
# As DuckLake writes the least and the greatest value of one row of zeroes and empty texts.
_BLANK = """CASE column_type WHEN 'varchar' THEN '' WHEN 'float64' THEN '0.0'
 WHEN 'timestamp' THEN '1970-01-01 00:00:00' ELSE '0' END"""


def write_statistics(connection: duckdb.DuckDBPyConnection) -> None:
    """Write what a blank row that was put into each table and taken out again would have left.

    In a store that nobody else sees yet, after the tables were committed: only then they have
    their numbers.
    """
    connection.execute("BEGIN")
    connection.execute(
        f"INSERT INTO {CATALOG}.ducklake_table_column_stats"
        " (table_id, column_id, contains_null, contains_nan, min_value, max_value)"
        " SELECT table_id, column_id, 0, CASE column_type WHEN 'float64' THEN 0 END,"
        f" {_BLANK}, {_BLANK} FROM {CATALOG}.ducklake_column"
        f" WHERE end_snapshot IS NULL AND {_UNTOLD}"
    )
    connection.execute(
        f"INSERT INTO {CATALOG}.ducklake_table_stats"
        " (table_id, record_count, next_row_id, file_size_bytes)"
        f" SELECT table_id, 0, 0, 0 FROM {CATALOG}.ducklake_table"
        f" WHERE end_snapshot IS NULL AND {_UNTOLD}"
    )
    connection.execute("COMMIT")
