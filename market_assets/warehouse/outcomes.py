"""Keeping what is known about series: where they are complete, and what is absent and why.

Both are sets of half-open spans that never overlap. An outcome replaces what was known inside its
window and leaves the rest; only spans that differ are written.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from market_assets.schemas import arrow
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import INTERVALS, Window, merge, subtract, to_datetime
from market_assets.warehouse.contract import Batch, SeriesOutcome
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import Connection, identifier, literal, moment
from market_assets.warehouse.tables import COVERAGE, GAPS


@dataclass(frozen=True, slots=True, order=True)
class RecordedGap:
    """An absent span and the judgement on it; equal judgements on touching spans are one."""

    window: Window
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class SpanTable:
    """A table of spans: how its bounds are called, and what else makes two spans differ."""

    table: StoredTable
    span: str
    judged: str = ""


COVERED_SPANS = SpanTable(COVERAGE, "window")
GAP_SPANS = SpanTable(GAPS, "gap", ", reason, evidence")


def check_outcomes(series: Iterable[SeriesOutcome]) -> None:
    """Refuse what would break the sets: spans outside their window, gaps on top of each other."""
    for outcome in series:
        gaps = [gap.window for gap in outcome.gaps]
        stray = subtract([*outcome.complete, *gaps], [outcome.window])
        if stray:
            raise ValueError(f"{outcome.symbol}: {stray[0]} lies outside of {outcome.window}")
        for first, second in itertools.pairwise(sorted(gaps)):
            if first.overlaps(second):
                raise ValueError(f"{outcome.symbol}: gaps {first} and {second} overlap")


def store_outcomes(connection: Connection, batch: Batch, now: datetime) -> bool:
    """Bring ops.coverage and ops.gaps up to date, inside the caller's transaction.

    Says whether a gap is new, gone or judged otherwise.
    """
    if not batch.series:
        return False
    by_symbol: dict[str, list[SeriesOutcome]] = {}
    for outcome in batch.series:
        by_symbol.setdefault(outcome.symbol, []).append(outcome)
    _store_coverage(connection, batch, by_symbol)
    return _store_gaps(connection, batch, by_symbol, now)


def rounds(outcomes: Sequence[SeriesOutcome]) -> Iterator[list[SeriesOutcome]]:
    """The outcomes of a symbol in their order, in groups whose windows lie apart.

    A group is one walk over what is known. Usually it is all of them: 10,000 released rows are
    10,000 outcomes, and one after the other they took nine minutes under the writer lock.
    """
    apart: list[SeriesOutcome] = []
    taken: list[Window] = []
    for outcome in outcomes:
        at = bisect(taken, outcome.window)
        beside = taken[max(0, at - 1) : at + 1]
        if any(window.overlaps(outcome.window) for window in beside):
            yield apart
            apart, taken, at = [], [], 0
        apart.append(outcome)
        taken.insert(at, outcome.window)
    if apart:
        yield apart


def coverage_after(known: Iterable[Window], apart: Sequence[SeriesOutcome]) -> list[Window]:
    outside = subtract(known, (outcome.window for outcome in apart))
    return merge([*outside, *(window for outcome in apart for window in outcome.complete)])


def gaps_after(known: Iterable[RecordedGap], apart: Sequence[SeriesOutcome]) -> list[RecordedGap]:
    """Outside the windows the old judgements, inside the new, joined where they agree."""
    before: dict[tuple[str, str], list[Window]] = {}
    for gap in known:
        before.setdefault((gap.reason, gap.evidence), []).append(gap.window)
    judged = [outcome.window for outcome in apart]
    spans = {said: subtract(windows, judged) for said, windows in before.items()}
    for new in (gap for outcome in apart for gap in outcome.gaps):
        spans.setdefault((new.reason, as_json(new.evidence)), []).append(new.window)
    return sorted(
        RecordedGap(window, reason, evidence)
        for (reason, evidence), windows in spans.items()
        for window in merge(windows)
    )


def as_json(evidence: Mapping[str, Any]) -> str:
    """Equal evidence gives equal text, whatever the order of its keys."""
    return json.dumps(dict(evidence), sort_keys=True, separators=(",", ":"), default=str)


def _store_coverage(
    connection: Connection,
    batch: Batch,
    by_symbol: Mapping[str, Sequence[SeriesOutcome]],
) -> None:
    stored: dict[str, set[Window]] = {symbol: set() for symbol in by_symbol}
    for symbol, start, end in _touching(connection, COVERED_SPANS, batch, by_symbol):
        stored[symbol].add(Window(start, end))
    removed: list[tuple[str, Window]] = []
    added: list[dict[str, Any]] = []
    for symbol, outcomes in by_symbol.items():
        after: list[Window] = list(stored[symbol])
        for apart in rounds(outcomes):
            after = coverage_after(after, apart)
        removed += [(symbol, window) for window in stored[symbol].difference(after)]
        added += [
            _series_of(batch, symbol) | _span("window", window)
            for window in after
            if window not in stored[symbol]
        ]
    _replace(connection, COVERED_SPANS, batch, removed, added)


def _store_gaps(
    connection: Connection,
    batch: Batch,
    by_symbol: Mapping[str, Sequence[SeriesOutcome]],
    now: datetime,
) -> bool:
    stored: dict[str, set[RecordedGap]] = {symbol: set() for symbol in by_symbol}
    for symbol, start, end, *judged in _touching(connection, GAP_SPANS, batch, by_symbol):
        stored[symbol].add(RecordedGap(Window(start, end), *judged))
    removed: list[tuple[str, Window]] = []
    added: list[dict[str, Any]] = []
    for symbol, outcomes in by_symbol.items():
        after: list[RecordedGap] = list(stored[symbol])
        for apart in rounds(outcomes):
            after = gaps_after(after, apart)
        removed += [(symbol, gap.window) for gap in stored[symbol].difference(after)]
        added += [
            gap_row(_series_of(batch, symbol), gap, batch.run_id, now)
            for gap in after
            if gap not in stored[symbol]
        ]
    _replace(connection, GAP_SPANS, batch, removed, added)
    return bool(removed or added)


def gap_row(
    series: Mapping[str, Any], gap: RecordedGap, run_id: str, recorded_at: datetime
) -> dict[str, Any]:
    step = INTERVALS.get(series["interval"])
    return {
        **series,
        **_span("gap", gap.window),
        "candles": len(gap.window.grid(step)) if step else None,
        "reason": gap.reason,
        "evidence": gap.evidence,
        "run_id": run_id,
        "recorded_at": recorded_at.replace(tzinfo=None),
    }


def _touching(
    connection: Connection, spans: SpanTable, batch: Batch, symbols: Iterable[str]
) -> list[tuple[Any, ...]]:
    """The recorded spans that overlap or touch the outcomes: no others can change."""
    start = min(outcome.window.start for outcome in batch.series)
    end = max(outcome.window.end for outcome in batch.series)
    first, last = f"{spans.span}_start", f"{spans.span}_end"
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT symbol, epoch_ms({first}), epoch_ms({last}){spans.judged}"
        f" FROM {spans.table.qualified}"
        f" WHERE {of_series(batch.venue, batch.dataset, batch.interval, symbols)}"
        f" AND {within_span(spans.span, start, end, touching=True)}"
    ).fetchall()
    return rows


def _replace(
    connection: Connection,
    spans: SpanTable,
    batch: Batch,
    removed: Sequence[tuple[str, Window]],
    added: Sequence[Mapping[str, Any]],
) -> None:
    table = spans.table
    if removed:
        # Spans of a series never overlap, so that the start is enough of a name.
        named = ", ".join(f"({literal(s)}, {moment(window.start)})" for s, window in removed)
        symbols = {symbol for symbol, _ in removed}
        connection.execute(
            f"DELETE FROM {table.qualified}"
            f" WHERE {of_series(batch.venue, batch.dataset, batch.interval, symbols)}"
            f" AND (symbol, {spans.span}_start) IN ({named})"
        )
    if added:
        rows = arrow.table(added, table.arrow_schema())
        with registered(connection, "added", rows):
            connection.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM added")


def of_series(venue: str, dataset: Dataset, interval: str, symbols: Iterable[str]) -> str:
    """A predicate for the rows of some series in the ops tables."""
    # One expression on purpose: about each column that a plain comparison names, DuckLake asks its
    # catalog for statistics (15 ms of CPU each), and there is little to skip in these tables.
    series = ", ".join(
        literal("|".join((venue, dataset.name, interval, symbol))) for symbol in sorted(symbols)
    )
    return f"concat_ws('|', venue, dataset, {identifier('interval')}, symbol) IN ({series})"


def within_span(name: str, start: int, end: int, *, touching: bool = False) -> str:
    """A predicate for the spans that overlap [start, end), or also those that touch it."""
    less = "<=" if touching else "<"
    return f"epoch_ms({name}_start) {less} {end} AND {start} {less} epoch_ms({name}_end)"


def _series_of(batch: Batch, symbol: str) -> dict[str, str]:
    return {
        "venue": batch.venue,
        "dataset": batch.dataset.name,
        "interval": batch.interval,
        "symbol": symbol,
    }


def _span(name: str, window: Window) -> dict[str, datetime]:
    return {
        f"{name}_start": to_datetime(window.start).replace(tzinfo=None),
        f"{name}_end": to_datetime(window.end).replace(tzinfo=None),
    }
