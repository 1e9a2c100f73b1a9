"""Storing rows: new ones are added, equal ones left alone, changed ones replaced with a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse.contract import Batch, Committed
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.incoming import bounds, registered
from market_assets.warehouse.sql import COMMIT_TIME, identifier, literal
from market_assets.warehouse.tables import REVISIONS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

IN_REVISION = ("venue", "symbol", "interval", "timestamp")
# Of the other columns only these tell something about a value that went: who told it, and how.
_WITH_OLD_VALUES = ("source", "is_backfill")


def store_rows(
    connection: duckdb.DuckDBPyConnection, table: StoredTable, batch: Batch, rows: pa.Table
) -> Committed:
    """Put `rows` (unique keys, storage types) into `table`, inside the caller's transaction."""
    if not rows.num_rows:
        return Committed()
    with registered(connection, "incoming", rows):
        within = bounds(batch.dataset, rows)
        if not _load_stored(connection, table, batch.dataset, within):
            insert_rows(connection, table, "incoming")
            changed = _moments(connection, batch.dataset, "incoming")
            return Committed(inserted=rows.num_rows, changed=changed)
        _compare(connection, batch.dataset)
        inserted, corrected = _fates(connection)
        changed = _moments(connection, batch.dataset, "changes")
        if corrected:
            record_revisions(connection, batch)
            connection.execute(
                f"DELETE FROM {table.qualified} WHERE {within}"
                " AND rowid IN (SELECT old_row FROM changes WHERE old_row IS NOT NULL)"
            )
        if inserted or corrected:
            insert_rows(connection, table, "changes")
        connection.execute("DROP TABLE temp.changes")
    unchanged = rows.num_rows - inserted - corrected
    return Committed(inserted, corrected, unchanged, changed=changed)


def _moments(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str) -> Window | None:
    """From the first to just after the last time in `source`."""
    if "timestamp" not in dataset.column_names:
        return None
    [(first, last)] = connection.execute(
        f"SELECT epoch_ms(min(timestamp)), epoch_ms(max(timestamp)) FROM {source}"
    ).fetchall()
    return None if first is None else Window(first, last + 1)


def _load_stored(
    connection: duckdb.DuckDBPyConnection, table: StoredTable, dataset: Dataset, within: str
) -> int:
    """Copy what is stored within the bounds; its number of rows.

    One read of the lake for all that follows. Usually it finds no file at all.
    """
    columns = [identifier(name) for name in dict.fromkeys((*dataset.key, *logged(dataset)))]
    names = dataset.column_names
    run_id = "run_id" if "run_id" in names else "NULL::VARCHAR"
    stored_at = "ingestion_time" if "ingestion_time" in names else "NULL::TIMESTAMP"
    [(count,)] = connection.execute(
        "CREATE OR REPLACE TEMP TABLE stored AS"
        f" SELECT {', '.join(columns)}, rowid AS old_row, {run_id} AS old_run_id,"
        f" {stored_at} AS old_ingestion_time FROM {table.qualified} WHERE {within}"
    ).fetchall()
    return int(count)


def _compare(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Make `changes`: the incoming rows that are new or differ, with what they replace."""
    same_key = " AND ".join(f"i.{identifier(k)} = s.{identifier(k)}" for k in dataset.key)
    differs = " OR ".join(
        f"i.{identifier(v)} IS DISTINCT FROM s.{identifier(v)}" for v in dataset.values
    )
    old = ", ".join(f"s.{identifier(v)} AS {identifier('old ' + v)}" for v in logged(dataset))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE changes AS"
        f" SELECT i.*, s.old_row, s.old_run_id, s.old_ingestion_time, {old}"
        f" FROM incoming i LEFT JOIN stored s ON {same_key}"
        f" WHERE s.old_row IS NULL OR {differs}"
    )
    connection.execute("DROP TABLE temp.stored")


def _fates(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    [(inserted, corrected)] = connection.execute(
        "SELECT count(*) FILTER (old_row IS NULL), count(old_row) FROM changes"
    ).fetchall()
    return int(inserted), int(corrected)


def record_revisions(
    connection: duckdb.DuckDBPyConnection, batch: Batch, only: str = "true"
) -> None:
    """Keep the old values of the changed rows in `changes` for which `only` holds."""
    dataset = batch.dataset
    # A key that has no column of its own in the log goes with the values, or it would be lost.
    extra_key = [name for name in dataset.key if name not in IN_REVISION]
    keys = {name: identifier(name) for name in extra_key}
    old = keys | {name: identifier("old " + name) for name in logged(dataset)}
    new = keys | {name: identifier(name) for name in logged(dataset)}
    moment = "timestamp" if "timestamp" in dataset.column_names else "valid_from"
    connection.execute(
        f"INSERT INTO {REVISIONS.qualified} BY NAME SELECT"
        f" {literal(batch.venue)} AS venue, {literal(dataset.name)} AS dataset,"
        f" {literal(batch.interval)} AS interval, symbol, {identifier(moment)} AS timestamp,"
        f" {_json(old)} AS old_values, {_json(new)} AS new_values,"
        f" old_run_id, {literal(batch.run_id)} AS new_run_id, old_ingestion_time,"
        f" {COMMIT_TIME} AS revised_at FROM changes WHERE old_row IS NOT NULL AND {only}"
    )


def logged(dataset: Dataset) -> list[str]:
    """The columns that the log of corrections keeps of a row."""
    return [*dataset.values, *(n for n in _WITH_OLD_VALUES if n in dataset.column_names)]


def _json(expressions: dict[str, str]) -> str:
    fields = ", ".join(f"{literal(name)}: {value}" for name, value in expressions.items())
    return f"CAST(to_json({{{fields}}}) AS VARCHAR)"


def insert_rows(connection: duckdb.DuckDBPyConnection, table: StoredTable, source: str) -> None:
    """Add the rows of `source`, ingested at the commit's own time.

    The same clock and instant as `revised_at`: only then can any past state be told from both.
    """
    names = [column.name for column in table.columns]
    values = [COMMIT_TIME if name == "ingestion_time" else identifier(name) for name in names]
    connection.execute(
        f"INSERT INTO {table.qualified} ({', '.join(map(identifier, names))})"
        f" SELECT {', '.join(values)} FROM {source}"
    )
