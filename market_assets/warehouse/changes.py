"""What commits changed, and what was built since: the marts' own ledger.

Both sides are stamped while the writer lock is held, so that their order is the order of commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from market_assets.schemas import arrow
from market_assets.schemas.timeline import Window, to_datetime
from market_assets.warehouse.contract import Batch, Build, Change, Committed
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import COMMIT_TIME, Connection, literal
from market_assets.warehouse.tables import BUILDS, CHANGES


def record_change(
    connection: Connection, batch: Batch, stored: Committed, gaps_changed: bool
) -> None:
    """Note which moments a batch changed, inside its transaction; nothing when it changed none."""
    windows = [stored.changed] if stored.changed else []
    if gaps_changed:
        windows += [outcome.window for outcome in batch.series]
    if not windows:
        return
    first, last = min(w.start for w in windows), max(w.end for w in windows)
    connection.execute(
        f"INSERT INTO {CHANGES.qualified} VALUES ({literal(batch.venue)},"
        f" {literal(batch.dataset.name)}, {literal(batch.interval)}, make_timestamp_ms({first}),"
        f" make_timestamp_ms({last - 1}), {stored.inserted}, {stored.corrected},"
        f" {literal(batch.run_id)}, {COMMIT_TIME})"
    )


def read_changes(connection: Connection, since: datetime) -> list[Change]:
    """What was committed after `since`, oldest first."""
    rows = connection.execute(
        "SELECT dataset, epoch_ms(first_at), epoch_ms(last_at), epoch_us(changed_at)"
        f" FROM {CHANGES.qualified} WHERE changed_at > {_moment(since)} ORDER BY changed_at"
    ).fetchall()
    return [
        Change(dataset, Window(first, last + 1), to_datetime(0) + timedelta(microseconds=changed))
        for dataset, first, last, changed in rows
    ]


def record_builds(
    connection: Connection, builds: Iterable[Build], run_id: str, now: datetime
) -> None:
    rows = [
        {
            "model": build.model,
            "first_day": datetime.combine(build.first_day, time()),
            "last_day": datetime.combine(build.last_day, time()),
            "built_from": build.built_from.replace(tzinfo=None),
            "run_id": run_id,
            "built_at": now.replace(tzinfo=None),
        }
        for build in builds
    ]
    if rows:
        with registered(connection, "built", arrow.table(rows, BUILDS.arrow_schema())):
            connection.execute(f"INSERT INTO {BUILDS.qualified} BY NAME SELECT * FROM built")


def read_builds(connection: Connection, since: datetime) -> list[Build]:
    """Builds that hold what was committed up to `since` or later."""
    rows = connection.execute(
        "SELECT model, CAST(first_day AS DATE), CAST(last_day AS DATE), epoch_us(built_from)"
        f" FROM {BUILDS.qualified} WHERE built_from > {_moment(since)}"
    ).fetchall()
    return [
        Build(model, first, last, to_datetime(0) + timedelta(microseconds=built))
        for model, first, last, built in rows
    ]


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP {literal(moment.replace(tzinfo=None).isoformat(sep=' '))}"
