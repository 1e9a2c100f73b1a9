"""How many of a machine's cores DuckDB takes for the marts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.warehouse.sql import LAKE, literal

if TYPE_CHECKING:
    import duckdb

# A lake of fewer bytes is built by one thread: in statements of some milliseconds a second one does
# little but spin. A day of eleven symbols takes 13.4 s of CPU instead of 17.3, and no longer
# (duckdb 1.5.5, 2 cores, 2026-11-21). A year of them has 48 MB, and is built by all cores.
SMALL = 32 * 2**20


def take_one_if_small(connection: duckdb.DuckDBPyConnection) -> None:
    """One thread for a small lake; for others as many as DuckDB took by itself."""
    told = connection.execute(
        f"SELECT coalesce(sum(file_size_bytes), 0) FROM ducklake_table_info({literal(LAKE)})"
    ).fetchone()
    if told is not None and told[0] < SMALL:
        connection.execute("SET threads = 1")
