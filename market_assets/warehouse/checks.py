"""What checks found, and what was tried to repair: records that only ever grow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.timeline import Window, to_datetime
from market_assets.warehouse.contract import CheckResult, MissingSpan, RepairAttempt
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import Connection, literal
from market_assets.warehouse.tables import CHECK_RESULTS, GAPS, REPAIRS

if TYPE_CHECKING:
    import pyarrow as pa


def check_rows(results: Iterable[CheckResult], now: datetime) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "table_name": result.table_name,
            "check_name": result.check_name,
            "window_start": _naive(result.window.start),
            "window_end": _naive(result.window.end),
            "passed": result.passed,
            "severity": result.severity,
            "is_blocking": result.is_blocking,
            "findings": result.findings,
            "found_start": _naive(result.found.start) if result.found else None,
            "found_end": _naive(result.found.end) if result.found else None,
            "sample": json.dumps(list(result.sample), default=str),
            "run_id": result.run_id,
            "checked_at": now.astimezone(UTC).replace(tzinfo=None),
        }
        for result in results
    ]
    return arrow.table(rows, CHECK_RESULTS.arrow_schema())


def store_checks(connection: Connection, rows: pa.Table) -> None:
    if rows.num_rows:
        with registered(connection, "judged", rows):
            connection.execute(
                f"INSERT INTO {CHECK_RESULTS.qualified} BY NAME SELECT * FROM judged"
            )


def read_checks(connection: Connection, since: datetime) -> list[CheckResult]:
    """Verdicts given after `since`, oldest first."""
    rows = connection.execute(
        "SELECT table_name, check_name, epoch_ms(window_start), epoch_ms(window_end), passed,"
        " severity, is_blocking, findings, epoch_ms(found_start), epoch_ms(found_end), sample,"
        " run_id, epoch_us(checked_at)"
        f" FROM {CHECK_RESULTS.qualified} WHERE checked_at > {_moment(since)} ORDER BY checked_at"
    ).fetchall()
    return [
        CheckResult(
            table,
            check,
            Window(start, end),
            passed,
            severity,
            blocking,
            findings,
            None if first is None else Window(first, last),
            tuple(json.loads(sample)),
            run_id,
            _aware(micros),
        )
        for (
            table,
            check,
            start,
            end,
            passed,
            severity,
            blocking,
            findings,
            first,
            last,
            sample,
            run_id,
            micros,
        ) in rows
    ]


def store_repairs(connection: Connection, attempts: Iterable[RepairAttempt]) -> None:
    rows = [
        {
            "venue": attempt.span.venue,
            "dataset": attempt.span.dataset,
            "interval": attempt.span.interval,
            "symbol": attempt.span.symbol,
            "gap_start": _naive(attempt.span.window.start),
            "gap_end": _naive(attempt.span.window.end),
            "attempt": attempt.attempt,
            "outcome": attempt.outcome,
            "detail": attempt.detail,
            "attempted_at": attempt.attempted_at.astimezone(UTC).replace(tzinfo=None),
        }
        for attempt in attempts
    ]
    if rows:
        with registered(connection, "tried", arrow.table(rows, REPAIRS.arrow_schema())):
            connection.execute(f"INSERT INTO {REPAIRS.qualified} BY NAME SELECT * FROM tried")


def read_repairs(connection: Connection) -> list[RepairAttempt]:
    """All attempts, oldest first. There are as many as there were troubles, not as rows."""
    rows = connection.execute(
        'SELECT venue, dataset, "interval", symbol, epoch_ms(gap_start), epoch_ms(gap_end),'
        f" attempt, outcome, detail, epoch_us(attempted_at) FROM {REPAIRS.qualified}"
        " ORDER BY attempted_at"
    ).fetchall()
    return [
        RepairAttempt(_span(series, start, end), attempt, outcome, detail, _aware(micros))
        for *series, start, end, attempt, outcome, detail, micros in rows
    ]


def read_missing(connection: Connection) -> list[MissingSpan]:
    """Every span that is recorded as ours to repair, with its evidence."""
    rows = connection.execute(
        'SELECT venue, dataset, "interval", symbol, epoch_ms(gap_start), epoch_ms(gap_end),'
        f" evidence FROM {GAPS.qualified} WHERE concat(reason) = 'missing'"
        " ORDER BY venue, dataset, gap_start, symbol"
    ).fetchall()
    return [_span(series, start, end, evidence) for *series, start, end, evidence in rows]


def _span(series: list[str], start: int, end: int, evidence: str = "{}") -> MissingSpan:
    venue, dataset, interval, symbol = series
    return MissingSpan(venue, dataset, interval, symbol, Window(start, end), evidence)


def _aware(micros: int) -> datetime:
    return to_datetime(0) + timedelta(microseconds=micros)


def _naive(ms: int) -> datetime:
    return to_datetime(ms).replace(tzinfo=None)


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP {literal(moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' '))}"
