"""How many of a machine's cores DuckDB takes for the marts and for other people's SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.warehouse.sql import CATALOG

if TYPE_CHECKING:
    import duckdb

# A lake of fewer bytes is built by one thread: in statements of some milliseconds a second one does
# little but spin. A day of eleven symbols takes 13.4 s of CPU instead of 17.3, and no longer
# (duckdb 1.5.5, 2 cores, 2026-11-21). A year of them has 48 MB, and is built by all cores.
SMALL = 32 * 2**20


def take_one_if_small(connection: duckdb.DuckDBPyConnection, small: int = SMALL) -> None:
    """One thread for a small lake; for others as many as DuckDB took by itself."""
    told = connection.execute(
        # Of the catalog itself: its ducklake_table_info tells the same for 16 ms instead of 2.
        f"SELECT coalesce(sum(file_size_bytes), 0) FROM {CATALOG}.ducklake_data_file"
        " WHERE end_snapshot IS NULL"
    ).fetchone()
    if told is not None and told[0] < small:
        connection.execute("SET threads = 1")
