"""Slowly changing instruments: each version is a row, valid from one look until the next.

The identity is venue, symbol and listing time (tickers get reused). Incoming rows say what holds
now; only a difference makes a new version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.schemas.datasets import Dataset
from market_assets.warehouse.contract import Batch, Committed
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.rows import insert_rows, logged, record_revisions
from market_assets.warehouse.sql import identifier

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

IDENTITY = ("venue", "symbol", "listed_at")


def is_slowly_changing(dataset: Dataset) -> bool:
    return "valid_to" in dataset.column_names


def store_versions(
    connection: duckdb.DuckDBPyConnection, table: StoredTable, batch: Batch, rows: pa.Table
) -> Committed:
    """Compare the incoming state with the current versions, inside the caller's transaction."""
    if not rows.num_rows:
        return Committed()
    with registered(connection, "incoming", rows):
        _compare(connection, table, batch.dataset)
        [(inserted, corrected)] = connection.execute(
            "SELECT count(*) FILTER (old_row IS NULL), count(old_row) FROM changes"
        ).fetchall()
        if corrected:
            _retire(connection, table, batch)
        if inserted or corrected:
            # What was seen now is the current state, so it is open whatever the frame says.
            insert_rows(connection, table, "(SELECT * REPLACE (NULL AS valid_to) FROM changes)")
        connection.execute("DROP TABLE temp.changes")
    return Committed(inserted, corrected, rows.num_rows - inserted - corrected)


def _compare(connection: duckdb.DuckDBPyConnection, table: StoredTable, dataset: Dataset) -> None:
    """Make `changes`: incoming states that are new or differ from the current version.

    A state seen before the current version began says nothing new about now: it is left out.
    """
    same = " AND ".join(f"i.{identifier(k)} = s.{identifier(k)}" for k in IDENTITY)
    differs = " OR ".join(
        f"i.{identifier(v)} IS DISTINCT FROM s.{identifier(v)}" for v in dataset.values
    )
    old = ", ".join(f"s.{identifier(v)} AS {identifier('old ' + v)}" for v in logged(dataset))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE changes AS"
        f" SELECT i.*, s.rowid AS old_row, s.valid_from AS old_valid_from,"
        f" s.run_id AS old_run_id, s.ingestion_time AS old_ingestion_time, {old}"
        f" FROM incoming i LEFT JOIN (SELECT *, rowid FROM {table.qualified}"
        f" WHERE valid_to IS NULL) s ON {same}"
        f" WHERE s.rowid IS NULL OR (({differs}) AND i.valid_from >= s.valid_from)"
    )


def _retire(connection: duckdb.DuckDBPyConnection, table: StoredTable, batch: Batch) -> None:
    """Close the versions that no longer hold.

    One that began at the very moment of the new state never held: it is a correction, so its
    values go to ops.revisions and it leaves the table.
    """
    columns = _columns(table)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE closing AS"
        f" SELECT s.* REPLACE (c.valid_from AS valid_to) FROM {table.qualified} s"
        " JOIN changes c ON s.rowid = c.old_row WHERE c.valid_from > c.old_valid_from"
    )
    connection.execute(
        f"DELETE FROM {table.qualified} WHERE rowid IN"
        " (SELECT old_row FROM changes WHERE old_row IS NOT NULL)"
    )
    connection.execute(f"INSERT INTO {table.qualified} ({columns}) SELECT {columns} FROM closing")
    connection.execute("DROP TABLE temp.closing")
    record_revisions(connection, batch, "valid_from = old_valid_from")


def _columns(table: StoredTable) -> str:
    return ", ".join(identifier(column.name) for column in table.columns)
