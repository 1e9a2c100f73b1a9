"""Alerts and their messages in the store: rows are only ever added, the last of each counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from market_assets.errors import RequestInvalid
from market_assets.schemas import arrow
from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery, AlertMember
from market_assets.schemas.timeline import to_datetime
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.faults import no_such_table
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import Connection, literal
from market_assets.warehouse.watch_tables import ALERT_DELIVERIES, ALERTS

# Fewer characters would sooner or later name another alert than the one that was meant.
_SHORTEST_PREFIX = 4
_WAITS = "('held', 'sending', 'failed')"


def store_alerts(
    connection: Connection,
    alerts: Sequence[Alert],
    deliveries: Sequence[AlertDelivery],
    version: tuple[int, int] | None,
) -> bool:
    """Add rows, inside the caller's transaction.

    Nothing is added, and the answer is False, if others wrote since `version` was read: what the
    caller made of it may be wrong. None adds whatever others did.
    """
    if version is not None and _version(connection) != version:
        return False
    _add(connection, ALERTS, [_alert_row(alert) for alert in alerts])
    _add(connection, ALERT_DELIVERIES, [_delivery_row(delivery) for delivery in deliveries])
    return True


def read_book(connection: Connection) -> AlertBook:
    """The newest alert of each key, the messages about these or that wait, the channels' health."""
    # Before the rows: a commit in between makes the version too old, and writing is refused.
    version = _version(connection)
    if version == (0, 0):
        # The lake asks its catalog about each column of a table that never had a row: 300 ms of
        # CPU after every commit to a platform that has nothing to complain of (2026-11-21).
        return AlertBook()
    alerts = _alerts(connection, _last(ALERTS, "alert_key"))
    newest = ", ".join(literal(alert.alert_id) for alert in alerts) or "''"
    deliveries = _deliveries(
        connection,
        f"SELECT * FROM ({_last(ALERT_DELIVERIES, 'message_id')})"
        f" WHERE outcome IN {_WAITS} OR alert_id IN ({newest}) ORDER BY message_id",
    )
    attempts = _deliveries(
        connection,
        f"SELECT * FROM {ALERT_DELIVERIES.qualified}"
        " WHERE outcome IN ('sent', 'failed', 'given_up') QUALIFY row_number() OVER"
        " (PARTITION BY channel ORDER BY changed_at DESC, sequence DESC) = 1",
    )
    return AlertBook(
        {alert.key: alert for alert in alerts},
        tuple(deliveries),
        {attempt.channel: attempt for attempt in attempts},
        version,
    )


def read_alerts(connection: Connection, *, open_only: bool) -> list[Alert]:
    """Each alert as it stands, the newest change first."""
    if _version(connection) == (0, 0):
        return []
    where = " WHERE state <> 'resolved'" if open_only else ""
    return _alerts(
        connection,
        f"SELECT * FROM ({_last(ALERTS, 'alert_id')}){where} ORDER BY changed_at DESC, alert_key",
    )


def read_history(connection: Connection, alert_id: str) -> tuple[list[Alert], list[AlertDelivery]]:
    """Every change of one alert, oldest first, and its messages as they stand."""
    named = f"concat(alert_id) = {literal(alert_id)}"
    changes = _alerts(
        connection, f"SELECT * FROM {ALERTS.qualified} WHERE {named} ORDER BY sequence"
    )
    messages = _deliveries(
        connection,
        f"SELECT * FROM ({_last(ALERT_DELIVERIES, 'message_id')}) WHERE {named}"
        " ORDER BY alert_sequence, channel",
    )
    return changes, messages


def alert_named(connection: Connection, prefix: str) -> Alert:
    """The alert whose id begins so, as it stands; none or several are refused."""
    doing = "Looking for an alert"
    asked = prefix.strip().lower()
    if len(asked) < _SHORTEST_PREFIX:
        raise RequestInvalid(
            doing,
            f"{asked!r} is too short to name an alert",
            f"Give at least {_SHORTEST_PREFIX} characters of its id",
        )
    found = [
        alert
        for alert in read_alerts(connection, open_only=False)
        if alert.alert_id.startswith(asked)
    ]
    if not found:
        raise RequestInvalid(
            doing,
            f"no alert has an id that begins with {asked!r}",
            "`market-assets alerts list --all` shows what there is",
        )
    if len(found) > 1:
        ids = ", ".join(alert.alert_id for alert in found[:5])
        raise RequestInvalid(
            doing,
            f"{len(found)} alerts have ids that begin with {asked!r}: {ids}",
            "Give more of the id",
        )
    return found[0]


def _version(connection: Connection) -> tuple[int, int]:
    try:
        [counts] = connection.execute(
            f"SELECT (SELECT count(*) FROM {ALERTS.qualified}),"
            f" (SELECT count(*) FROM {ALERT_DELIVERIES.qualified})"
        ).fetchall()
    except no_such_table():
        return 0, 0  # a store of an older version has no such tables until somebody writes to it
    alerts, deliveries = counts
    return int(alerts), int(deliveries)


def _last(table: StoredTable, identity: str) -> str:
    """The row of each identity that says how it stands."""
    return (
        f"SELECT * FROM {table.qualified} QUALIFY row_number() OVER"
        f" (PARTITION BY {identity} ORDER BY sequence DESC) = 1"
    )


def _add(connection: Connection, table: StoredTable, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        with registered(connection, "told", arrow.table(rows, table.arrow_schema())):
            connection.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM told")


_ALERT_TIMES = ("began_at", "fired_at", "told_at", "escalated_at", "reopened_at", "changed_at")
_ALERT_PLAIN = (
    "alert_id",
    "rule",
    "scope",
    "severity",
    "peak_severity",
    "state",
    "change",
    "title",
    "is_event",
    "sequence",
    "changed_by",
)
_DELIVERY_PLAIN = (
    "message_id",
    "alert_id",
    "alert_sequence",
    "channel",
    "kind",
    "title",
    "body",
    "outcome",
    "sequence",
    "attempt",
    "error",
)


def _alert_row(alert: Alert) -> dict[str, Any]:
    detail = {"members": [_member(member) for member in alert.members], "because": alert.because}
    row = {name: getattr(alert, name) for name in _ALERT_PLAIN}
    times = {name: _naive(getattr(alert, name)) for name in _ALERT_TIMES}
    return row | times | {"alert_key": alert.key, "detail": json.dumps(detail)}


def _delivery_row(delivery: AlertDelivery) -> dict[str, Any]:
    row = {name: getattr(delivery, name) for name in _DELIVERY_PLAIN}
    return row | {
        "due_at": _naive(delivery.due_at),
        "changed_at": _naive(delivery.changed_at),
    }


def _member(member: AlertMember) -> dict[str, Any]:
    return {
        "name": member.name,
        "text": member.text,
        "value": member.value,
        "limit": member.limit,
        "since": None if member.since is None else member.since.astimezone(UTC).isoformat(),
    }


def _alerts(connection: Connection, sql: str) -> list[Alert]:
    alerts: list[Alert] = []
    for row in _rows(connection, sql):
        detail = json.loads(row["detail"])
        alerts.append(
            Alert(
                key=row["alert_key"],
                members=tuple(_as_member(said) for said in detail["members"]),
                because=detail["because"],
                **{name: row[name] for name in (*_ALERT_PLAIN, *_ALERT_TIMES)},
            )
        )
    return alerts


def _as_member(said: Mapping[str, Any]) -> AlertMember:
    since = said["since"]
    return AlertMember(
        said["name"],
        said["text"],
        said["value"],
        said["limit"],
        None if since is None else datetime.fromisoformat(since),
    )


def _deliveries(connection: Connection, sql: str) -> list[AlertDelivery]:
    names = (*_DELIVERY_PLAIN, "due_at", "changed_at")
    return [AlertDelivery(**{name: row[name] for name in names}) for row in _rows(connection, sql)]


def _rows(connection: Connection, sql: str) -> Iterable[dict[str, Any]]:
    table = connection.execute(sql).to_arrow_table()
    times = [field.name for field in table.schema if str(field.type).startswith("timestamp")]
    for row in arrow.records(table):
        yield row | {name: _aware(row[name]) for name in times}


def _aware(micros: int | None) -> datetime | None:
    return None if micros is None else to_datetime(0) + timedelta(microseconds=micros)


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
