"""How much of each venue's request budget is in use, from the file that all runs share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from market_assets.health.observed import BucketUse, VenueGate
from market_assets.venues._gate import ARRIVAL_SLACK, STEPS
from market_assets.venues._http import buckets_of
from market_assets.venues.registry import VENUES

if TYPE_CHECKING:
    from pathlib import Path

    from market_assets.settings import Settings

# In state_dir, as ingest/connection.py has it.
GATES_FILE = "venues.sqlite"


def venue_gates(settings: Settings, file: Path) -> tuple[VenueGate, ...]:
    """Each enabled venue's gate; none before anybody has asked a venue."""
    if not file.exists():
        return ()
    # Not `immutable`: runs write it at this moment. Reading waits for nobody, it is a WAL.
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as db:
        return tuple(_gates(settings, db, time.time()))


def _gates(settings: Settings, db: sqlite3.Connection, now: float) -> Iterator[VenueGate]:
    for name, options in settings.enabled_venues.items():
        # The same name that venues/_http.py gives it: the budget is that of an address.
        key = f"{name} {options.base_url.rstrip('/')}"
        state = db.execute(
            "select paused_until, reason, opened, open_until from state where venue = ?", (key,)
        ).fetchone()
        if state is None:
            continue
        paused_until, reason, opened, open_until = state
        used = []
        for bucket in buckets_of(VENUES[name], options.weight_limit_per_minute):
            oldest = int((now - ARRIVAL_SLACK) / (bucket.seconds / STEPS)) - STEPS - 1
            (spent,) = db.execute(
                "select coalesce(sum(weight), 0) from spent"
                " where venue = ? and bucket = ? and step > ?",
                (key, bucket.name, oldest),
            ).fetchone()
            used.append(BucketUse(bucket.name, spent, bucket.limit, bucket.seconds))
        yield VenueGate(
            venue=name,
            buckets=tuple(used),
            paused_until=_moment(paused_until) if paused_until > now else None,
            circuit_open_until=_moment(open_until) if opened else None,
            reason=reason if opened or paused_until > now else "",
        )


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
