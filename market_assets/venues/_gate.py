"""One venue's traffic light, shared by every process of this machine.

A venue counts requests by IP, so the budget, a ban and the circuit breaker belong to the machine
and not to a run. They live in one small SQLite file: SQLite is the lock. Time is the wall clock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from market_assets.settings.folders import in_use
from market_assets.venues.contract import Bucket

# Room kept under the venue's limit: somebody else may share the address.
HEADROOM = 0.95
# Requests sent evenly can arrive in a bunch: a span is taken this much longer than it is.
ARRIVAL_SLACK = 0.2
# Spending is remembered in this many steps of a bucket's span.
STEPS = 60
# Above this share of the limit, as the venue itself counts, we wait for its next minute.
ALARM = 0.98

_TABLES = """
create table if not exists spent (
    venue text, bucket text, step integer, weight integer, primary key (venue, bucket, step)
) without rowid;
create table if not exists state (
    venue text primary key, paused_until real not null default 0, reason text not null default '',
    failures integer not null default 0, opened integer not null default 0,
    open_until real not null default 0, probing_until real not null default 0
) without rowid;
"""

WaitReason = Literal["budget", "paused", "open"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: how long, and why."""

    seconds: float
    reason: WaitReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Open after `failures` in a row; probe after the first pause, then after the longer ones."""

    failures: int = 20
    first_pause: float = 30.0
    next_pause: float = 300.0


class Gate:
    """Ask `enter` before each request, tell `succeeded`, `failed` or `paused` after it."""

    def __init__(
        self,
        path: Path,
        venue: str,
        buckets: Sequence[Bucket],
        breaker: BreakerPolicy | None = None,
    ) -> None:
        self._folder = path.parent
        self._venue = venue
        self._buckets = {bucket.name: bucket for bucket in buckets}
        self._breaker = breaker or BreakerPolicy()
        with in_use(self._folder, f"Opening the request budget of {venue}"):
            self._db = self._opened(path)

    def _opened(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        db.execute("pragma journal_mode = wal")
        # Losing the last moment's counts in a power cut is harmless: the venue tells us again.
        db.execute("pragma synchronous = off")
        db.executescript(_TABLES)
        db.execute("insert or ignore into state (venue) values (?)", (self._venue,))
        return db

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with in_use(self._folder, f"Keeping the request budget of {self._venue}"):
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                # SQLite has done it already when the disk was full.
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def enter(self, costs: Sequence[tuple[str, int]]) -> Wait | None:
        """Take the weight and go (None), or wait and ask again."""
        with self._locked() as db:
            now = time.time()  # inside: who waited for the lock goes now, not when it came
            paused_until, reason, opened, open_until, probing_until = db.execute(
                "select paused_until, reason, opened, open_until, probing_until from state"
                " where venue = ?",
                (self._venue,),
            ).fetchone()
            if paused_until > now:
                return Wait(paused_until - now, "paused", reason)
            if opened:
                if open_until > now:
                    return Wait(open_until - now, "open", reason)
                if probing_until > now:
                    return Wait(1.0, "open", "another request is trying the venue")
            for name, weight in costs:
                wait = self._budget_wait(db, self._buckets[name], weight, now)
                if wait:
                    return Wait(wait, "budget", name)
            for name, weight in costs:
                self._spend(db, self._buckets[name], weight, now)
            if opened:
                # Half open: this one request finds out, the others wait for its answer.
                db.execute(
                    "update state set probing_until = ? where venue = ?", (now + 30, self._venue)
                )
        return None

    def _budget_wait(
        self, db: sqlite3.Connection, bucket: Bucket, weight: int, now: float
    ) -> float:
        length = bucket.seconds / STEPS
        # One step more than the span: a step's spending may have happened at its very end.
        oldest = int((now - ARRIVAL_SLACK) / length) - STEPS - 1
        db.execute(
            "delete from spent where venue = ? and bucket = ? and step <= ?",
            (self._venue, bucket.name, oldest),
        )
        steps = db.execute(
            "select step, weight from spent where venue = ? and bucket = ? order by step",
            (self._venue, bucket.name),
        ).fetchall()
        over = sum(spent for _, spent in steps) + weight - max(weight, bucket.limit * HEADROOM)
        if over <= 0:
            return 0.0
        for step, spent in steps:
            over -= spent
            if over <= 0:
                return float(max(0.01, (step + STEPS + 2) * length + ARRIVAL_SLACK - now))
        return bucket.seconds

    def _spend(self, db: sqlite3.Connection, bucket: Bucket, weight: int, now: float) -> None:
        db.execute(
            "insert into spent values (?, ?, ?, ?)"
            " on conflict do update set weight = weight + excluded.weight",
            (self._venue, bucket.name, int(now / (bucket.seconds / STEPS)), weight),
        )

    def reported(self, bucket_name: str, used: int) -> None:
        """The venue's own count. More than we spent means that others share our address."""
        bucket = self._buckets[bucket_name]
        with self._locked() as db:
            now = time.time()
            (spent,) = db.execute(
                "select coalesce(sum(weight), 0) from spent where venue = ? and bucket = ?",
                (self._venue, bucket.name),
            ).fetchone()
            if used > spent:
                self._spend(db, bucket, used - spent, now)
        if used >= bucket.limit * ALARM:
            # The venue counts by its own minute: the next one begins at the latest in 60 s.
            self.paused(now + bucket.seconds - now % bucket.seconds + 1, "weight nearly used up")

    def succeeded(self) -> None:
        if not self._db.execute(
            "select 1 from state where venue = ? and (failures or opened)", (self._venue,)
        ).fetchone():
            return
        self._db.execute(
            "update state set failures = 0, opened = 0, open_until = 0, probing_until = 0"
            " where venue = ?",
            (self._venue,),
        )

    def failed(self, detail: str) -> None:
        """Another answer that was none. Too many in a row and nobody asks for a while."""
        with self._locked() as db:
            now = time.time()
            failures, opened, open_until = db.execute(
                "update state set failures = failures + 1 where venue = ?"
                " returning failures, opened, open_until",
                (self._venue,),
            ).fetchone()
            if failures < self._breaker.failures or open_until > now:
                return  # below the limit, or a straggler sent before the circuit opened
            pause = self._breaker.next_pause if opened else self._breaker.first_pause
            db.execute(
                "update state set opened = opened + 1, open_until = ?, probing_until = 0,"
                " reason = ? where venue = ?",
                (now + pause, detail, self._venue),
            )

    def paused(self, until: float, reason: str) -> None:
        """Nobody asks before `until` (epoch seconds): the venue said so."""
        self._db.execute(
            "update state set paused_until = max(paused_until, ?), reason = ?, probing_until = 0"
            " where venue = ?",
            (until, reason, self._venue),
        )

    def close(self) -> None:
        self._db.close()
