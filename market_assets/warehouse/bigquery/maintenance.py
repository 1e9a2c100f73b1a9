"""Keeping the store on BigQuery: partitions expire by themselves, what has none is trimmed here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from market_assets.schemas.timeline import INTERVALS, Window, subtract, to_ms
from market_assets.warehouse.bigquery.session import Transaction
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.sql import identifier, literal, moment
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


def expire(transaction: Transaction, raw: list[StoredTable], retention_days: int) -> int:
    """Forget what is older than that, with all that was said about it; rows of data gone.

    The same days leave by BigQuery's own expiry; a shorter retention is asked for by hand.
    """
    cutoff = to_ms(datetime.now(UTC) - timedelta(days=retention_days))
    before = moment(cutoff)
    expired = 0
    for table in raw:
        [(count,)] = transaction.execute(
            f'DELETE FROM {table.qualified} WHERE "timestamp" < {before}'
        ).fetchall()
        expired += int(count)
    for log, time in _LOGS:
        transaction.execute(f"DELETE FROM {log.qualified} WHERE {time} < {before}")
    _forget_alerts(transaction, before)
    _trim(transaction, cutoff)
    return expired


def _forget_alerts(transaction: Transaction, before: str) -> None:
    """The newest alert of each key says how it stands: it stays whole, however old."""
    newest = (
        f"SELECT alert_id FROM {ALERTS.qualified} QUALIFY row_number() OVER"
        " (PARTITION BY alert_key ORDER BY sequence DESC) = 1"
    )
    rows = transaction.execute(newest).fetchall()
    kept = ", ".join(literal(alert_id) for (alert_id,) in rows) or "''"
    for table in (ALERT_DELIVERIES, ALERTS):
        transaction.execute(
            f"DELETE FROM {table.qualified} WHERE changed_at < {before}"
            f" AND alert_id NOT IN ({kept})"
        )


def _trim(transaction: Transaction, cutoff: int) -> None:
    """Forget coverage and gaps before the cutoff; what crosses it begins at the cutoff."""
    before = moment(cutoff)
    for table, span in ((COVERAGE, "window"), (GAPS, "gap")):
        transaction.execute(f"DELETE FROM {table.qualified} WHERE {span}_end <= {before}")
    transaction.execute(
        f"UPDATE {COVERAGE.qualified} SET window_start = {before} WHERE window_start < {before}"
    )
    lengths = transaction.execute(
        'SELECT DISTINCT "interval", epoch_ms(gap_start), epoch_ms(gap_end)'
        f" FROM {GAPS.qualified} WHERE gap_start < {before} AND gap_end > {before}"
    ).fetchall()
    for interval, start, end in lengths:
        [left] = subtract([Window(start, end)], [Window(start, cutoff)])
        step = INTERVALS.get(interval)
        candles = str(len(left.grid(step))) if step else "NULL"
        transaction.execute(
            f"UPDATE {GAPS.qualified} SET gap_start = {before}, candles = {candles}"
            f" WHERE {identifier('interval')} = {literal(interval)}"
            f" AND gap_start = {moment(start)} AND gap_end = {moment(end)}"
        )
