"""The questions every run and reader asks: stored rows, what is covered, what is absent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from market_assets.schemas import arrow
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse.contract import Gap
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.faults import no_such_table
from market_assets.warehouse.outcomes import within_span
from market_assets.warehouse.sql import Connection, identifier, literal, moment
from market_assets.warehouse.tables import COVERAGE, GAPS

if TYPE_CHECKING:
    import pyarrow as pa


def read_rows(
    connection: Connection,
    table: StoredTable,
    dataset: Dataset,
    *,
    interval: str,
    symbols: Iterable[str],
    window: Window | None,
    at: str = "",
) -> pa.Table:
    """Rows in canonical columns and types, ordered by symbol and time.

    `at` is SQL that picks a snapshot of the table.
    """
    sql = (
        f"SELECT {', '.join(map(identifier, dataset.column_names))} FROM {table.qualified}{at}"
        f" WHERE {wanted(dataset, interval, list(symbols), window)} ORDER BY {order_of(dataset)}"
    )
    try:
        return connection.execute(sql).to_arrow_table().cast(dataset.arrow_schema())
    except no_such_table():
        # Nothing was ever stored for this venue: that is an empty answer, not a failure.
        return arrow.table((), dataset.arrow_schema())


def read_covered(
    connection: Connection, series: str, symbols: Sequence[str], window: Window
) -> dict[str, list[Window]]:
    rows = connection.execute(
        "SELECT symbol, epoch_ms(window_start), epoch_ms(window_end)"
        f" FROM {COVERAGE.qualified} WHERE {series}"
        f" AND {within_span('window', window.start, window.end)}"
        " ORDER BY window_start"
    ).fetchall()
    covered: dict[str, list[Window]] = {symbol: [] for symbol in symbols}
    for symbol, start, end in rows:
        covered[symbol].append(Window(start, end).clip(window.start, window.end))
    return covered


def read_gaps(
    connection: Connection, series: str, symbols: Sequence[str], window: Window
) -> dict[str, list[Gap]]:
    rows = connection.execute(
        "SELECT symbol, epoch_ms(gap_start), epoch_ms(gap_end), reason, evidence"
        f" FROM {GAPS.qualified} WHERE {series}"
        f" AND {within_span('gap', window.start, window.end)}"
        " ORDER BY gap_start"
    ).fetchall()
    gaps: dict[str, list[Gap]] = {symbol: [] for symbol in symbols}
    for symbol, start, end, reason, evidence in rows:
        inside = Window(start, end).clip(window.start, window.end)
        gaps[symbol].append(Gap(inside, reason, json.loads(evidence)))
    return gaps


def order_of(dataset: Dataset) -> str:
    known = ("symbol", "interval", "timestamp", "listed_at", "valid_from")
    return ", ".join(identifier(name) for name in known if name in dataset.column_names)


def wanted(dataset: Dataset, interval: str, symbols: list[str], window: Window | None) -> str:
    """A predicate for the rows of a raw table that were asked for."""
    names = dataset.column_names
    parts = ["true"]
    if interval and "interval" in names:
        parts.append(f"{identifier('interval')} = {literal(interval)}")
    if symbols:
        parts.append(f"symbol IN ({', '.join(map(literal, symbols))})")
    if window is not None and "timestamp" in names:
        time = identifier("timestamp")
        parts.append(f"{time} >= {moment(window.start)} AND {time} < {moment(window.end)}")
    elif window is not None and "valid_from" in names:
        # a version belongs to every moment at which it held
        parts.append(f"valid_from < {moment(window.end)}")
        parts.append(f"(valid_to IS NULL OR valid_to > {moment(window.start)})")
    return " AND ".join(parts)
