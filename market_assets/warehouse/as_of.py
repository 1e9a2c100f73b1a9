"""What a raw table looked like at some moment: by the log of corrections, or by a snapshot.

A value holds from its ingestion until it is revised; both are stamped by the clock of their commit.
So at a moment a row said what the oldest later revision calls old, or else what it says now. The
log reaches back as far as the rows do; snapshots are kept for days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import Column, Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse.ddl import SQL_TYPES, StoredTable, raw_table
from market_assets.warehouse.faults import no_such_table
from market_assets.warehouse.reading import order_of, read_rows, wanted
from market_assets.warehouse.rows import logged
from market_assets.warehouse.sql import LAKE, Connection, identifier, literal
from market_assets.warehouse.tables import REVISIONS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_DOING = "Reading the past"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of a raw table, and as of when."""

    venue: str
    dataset: Dataset
    moment: datetime
    interval: str
    symbols: tuple[str, ...]
    window: Window | None

    @property
    def table(self) -> StoredTable:
        return raw_table(self.venue, self.dataset)


def read_as_of(connection: Connection, asked: Asked) -> pa.Table:
    """The rows as they were at `moment`, each with its run and time of then."""
    dataset = asked.dataset
    if not {"timestamp", "ingestion_time"} <= set(dataset.column_names):
        raise RequestInvalid(
            _DOING,
            f"{dataset.name} keeps no log of every value that it had",
            "Ask for ohlcv, funding_rates or funding_predictions"
            " (the versions of instruments are rows: valid_from, valid_to)",
        )
    refuse_future(asked.moment)
    then = _timestamp(asked.moment)
    rows = wanted(dataset, asked.interval, list(asked.symbols), asked.window)
    keys = [name for name in dataset.key if name != "venue"]
    columns = ", ".join(f"{_value(c, dataset)} AS {identifier(c.name)}" for c in dataset.columns)
    sql = f"""
        WITH replaced AS (
            SELECT * FROM {REVISIONS.qualified}
            WHERE concat_ws('|', venue, dataset) = {literal(f"{asked.venue}|{dataset.name}")}
            AND {rows} AND revised_at > {then}
            -- of two at one instant the first replaced what is older
            QUALIFY row_number() OVER (
                PARTITION BY {", ".join(map(identifier, keys))}
                ORDER BY revised_at, old_ingestion_time
            ) = 1
        )
        SELECT {columns}
        FROM (SELECT * FROM {asked.table.qualified} WHERE {rows}) s
        LEFT JOIN replaced r
        ON {" AND ".join(f"s.{identifier(key)} = r.{identifier(key)}" for key in keys)}
        WHERE coalesce(r.old_ingestion_time, s.ingestion_time) <= {then}
        ORDER BY {order_of(dataset)}
    """
    try:
        return connection.execute(sql).to_arrow_table().cast(dataset.arrow_schema())
    except no_such_table():
        # Nothing was ever stored for this venue: then nor now.
        return dataset.arrow_schema().empty_table()


def read_snapshot(connection: duckdb.DuckDBPyConnection, asked: Asked) -> pa.Table:
    """The rows by the store's own snapshot of `moment`."""
    refuse_future(asked.moment)
    # By number: `AT (TIMESTAMP => ...)` has a SQLite catalog compare times as texts.
    [(snapshot, oldest)] = connection.execute(
        f"SELECT max(snapshot_id) FILTER (taken_at <= {_timestamp(asked.moment)}), min(taken_at)"
        " FROM (SELECT snapshot_id, snapshot_time AT TIME ZONE 'UTC' AS taken_at"
        f" FROM ducklake_snapshots({literal(LAKE)}))"
    ).fetchall()
    if snapshot is None:
        raise RequestInvalid(
            _DOING,
            f"the store has no snapshot of {asked.moment:%Y-%m-%d %H:%M:%S} any more;"
            f" its oldest is of {oldest:%Y-%m-%d %H:%M:%S}",
            "Ask without the snapshot: the log of corrections reaches back as far as the rows."
            " warehouse.snapshot_days says how long snapshots are kept",
        )
    return read_rows(
        connection,
        asked.table,
        asked.dataset,
        interval=asked.interval,
        symbols=asked.symbols,
        window=asked.window,
        at=f" AT (VERSION => {int(snapshot)})",
    )


def _value(column: Column, dataset: Dataset) -> str:
    """A column of the row as it was: the old one where a later revision replaced it."""
    now = f"s.{identifier(column.name)}"
    if column.name in ("run_id", "ingestion_time"):
        return f"coalesce(r.old_{column.name}, {now})"
    if column.name not in logged(dataset):
        return now
    said = f"json_extract_string(r.old_values, {literal('$.' + column.name)})"
    old = f"CAST({said} AS {SQL_TYPES[column.kind]})"
    # An old value may be null for itself; where a row came from is not told by the oldest logs.
    old = old if column.name in dataset.values else f"coalesce({old}, {now})"
    return f"CASE WHEN r.revised_at IS NULL THEN {now} ELSE {old} END"


def refuse_future(moment: datetime) -> None:
    if moment > datetime.now(UTC):
        raise RequestInvalid(
            _DOING,
            f"{moment:%Y-%m-%d %H:%M:%S} is yet to come: what the table says then is not known",
            "Give a time (UTC) that is past",
        )


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP {literal(str(moment.astimezone(UTC).replace(tzinfo=None)))}"
