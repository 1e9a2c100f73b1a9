"""Forgetting what is past retention, on either engine, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable

from market_assets.schemas.timeline import INTERVALS, Window, subtract
from market_assets.warehouse.sql import Connection, identifier, literal, moment
from market_assets.warehouse.tables import (
    BUILDS,
    CHANGES,
    CHECK_RESULTS,
    COVERAGE,
    GAPS,
    QUARANTINE,
    REPAIRS,
    REQUESTS,
    REVISIONS,
)
from market_assets.warehouse.watch_tables import (
    ALERT_DELIVERIES,
    ALERTS,
    BUDGET_RELEASES,
    QUERY_COSTS,
)

_LOGS = (
    (QUARANTINE, 'coalesce("timestamp", quarantined_at)'),
    (REVISIONS, '"timestamp"'),
    (REQUESTS, "requested_at"),
    (CHECK_RESULTS, "checked_at"),
    (REPAIRS, "attempted_at"),
    (CHANGES, "changed_at"),
    (BUILDS, "built_at"),
    (QUERY_COSTS, "issued_at"),
    (BUDGET_RELEASES, '"day"'),
)


def expire(connection: Connection, raw: Iterable[str], cutoff: int) -> int:
    """Delete what is older than the cutoff, with all that was said about it; rows of data gone.

    `raw` are the tables of rows with a time. Instruments stay: they are the history of what was
    listed, not of a moment.
    """
    before = moment(cutoff)
    expired = 0
    for table in raw:
        [(count,)] = connection.execute(
            f'DELETE FROM {table} WHERE "timestamp" < {before}'
        ).fetchall()
        expired += int(count)
    for log, time in _LOGS:
        connection.execute(f"DELETE FROM {log.qualified} WHERE {time} < {before}")
    _forget_alerts(connection, before)
    _trim(connection, cutoff)
    return expired


def _forget_alerts(connection: Connection, before: str) -> None:
    """Forget old alerts and their messages; the newest of each key says how it stands.

    It stays whole, however old: it may be open, or have been told and be nothing new.
    """
    newest = (
        f"SELECT alert_id FROM {ALERTS.qualified} QUALIFY row_number() OVER"
        " (PARTITION BY alert_key ORDER BY sequence DESC) = 1"
    )
    rows = connection.execute(newest).fetchall()
    kept = ", ".join(literal(alert_id) for (alert_id,) in rows) or "''"
    for table in (ALERT_DELIVERIES, ALERTS):
        connection.execute(
            f"DELETE FROM {table.qualified} WHERE changed_at < {before}"
            f" AND alert_id NOT IN ({kept})"
        )


def _trim(connection: Connection, cutoff: int) -> None:
    """Forget coverage and gaps before the cutoff; what crosses it begins at the cutoff.

    BigQuery answers by what was there before the transaction's own changes.
    """
    before = moment(cutoff)
    for table, span in ((COVERAGE, "window"), (GAPS, "gap")):
        connection.execute(f"DELETE FROM {table.qualified} WHERE {span}_end <= {before}")
    connection.execute(
        f"UPDATE {COVERAGE.qualified} SET window_start = {before} WHERE window_start < {before}"
    )
    lengths = connection.execute(
        'SELECT DISTINCT "interval", epoch_ms(gap_start), epoch_ms(gap_end)'
        f" FROM {GAPS.qualified} WHERE gap_start < {before} AND gap_end > {before}"
    ).fetchall()
    for interval, start, end in lengths:
        [left] = subtract([Window(start, end)], [Window(start, cutoff)])
        step = INTERVALS.get(interval)
        candles = str(len(left.grid(step))) if step else "NULL"
        connection.execute(
            f"UPDATE {GAPS.qualified} SET gap_start = {before}, candles = {candles}"
            f" WHERE {identifier('interval')} = {literal(interval)}"
            f" AND gap_start = {moment(start)} AND gap_end = {moment(end)}"
        )
