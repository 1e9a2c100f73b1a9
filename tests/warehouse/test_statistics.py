"""A new store says about its empty tables what DuckLake would say of one that had a row."""

from __future__ import annotations

from pathlib import Path

import duckdb
from warehouse_support import candle_batch

from market_assets.warehouse.connection import connect
from market_assets.warehouse.ddl import stored_columns
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.layout import Layout

CATALOG = "__ducklake_metadata_lake"
BLANK = {"VARCHAR": "''", "TIMESTAMP": "TIMESTAMP 'epoch'", "BOOLEAN": "false"}


def statistics(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[object, ...]]:
    """(table, column) -> nulls, least and greatest value, as the catalog has them."""
    rows = connection.execute(
        "SELECT table_name, column_name, contains_null, contains_nan, min_value, max_value"
        f" FROM {CATALOG}.ducklake_table_column_stats"
        f" JOIN {CATALOG}.ducklake_column c USING (table_id, column_id)"
        f" JOIN {CATALOG}.ducklake_table t USING (table_id)"
        " WHERE c.end_snapshot IS NULL AND t.end_snapshot IS NULL"
    ).fetchall()
    return {(table, column): tuple(rest) for table, column, *rest in rows}


def test_each_table_of_a_new_store_has_the_statistics_that_a_row_put_in_and_taken_out_leaves(
    store: Path,
) -> None:
    connection = connect(Layout(store))
    written = statistics(connection)
    for kind in ("column_stats", "stats"):
        connection.execute(f"DELETE FROM {CATALOG}.ducklake_table_{kind}")
    connection.close()

    # Another connection: this one knows what it has read.
    connection = connect(Layout(store))
    assert statistics(connection) == {}
    for schema, table in stored_columns(connection):
        kinds = connection.execute(
            "SELECT data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?"
            " AND database_name = 'lake' ORDER BY column_index",
            [schema, table],
        ).fetchall()
        row = ", ".join(BLANK.get(kind, "0") for (kind,) in kinds)
        connection.execute(f"INSERT INTO lake.{schema}.{table} VALUES ({row})")
        connection.execute(f"DELETE FROM lake.{schema}.{table}")
    left = statistics(connection)
    connection.close()
    assert written == left


def test_what_is_stored_later_is_in_the_statistics(store: Path) -> None:
    with DuckLakeWarehouse(store, venues=["binance"]) as warehouse:
        warehouse.commit(candle_batch())
    connection = connect(Layout(store))
    known = statistics(connection)
    [(rows,)] = connection.execute(
        f"SELECT record_count FROM {CATALOG}.ducklake_table_stats"
        f" JOIN {CATALOG}.ducklake_table USING (table_id) WHERE table_name = 'binance_ohlcv'"
    ).fetchall()
    connection.close()
    assert rows == 48
    assert known["binance_ohlcv", "symbol"] == (0, None, "", "ETHUSDT")
    assert known["binance_ohlcv", "timestamp"][3] == "2026-02-01 11:00:00"
    assert known["binance_ohlcv", "taker_buy_volume"][0] == 1
