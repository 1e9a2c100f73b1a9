"""What the statements of one process cost, as their own jobs say, kept until somebody commits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from market_assets.schemas import arrow
from market_assets.warehouse.bigquery.jobs import Done
from market_assets.warehouse.bigquery.session import Cursor, Session, Transaction
from market_assets.warehouse.bigquery.writers import EVERYBODY
from market_assets.warehouse.costs import DaySpend, days_stored, summed
from market_assets.warehouse.estimate import TIB, Prices, Statement
from market_assets.warehouse.watch_tables import QUERY_COSTS

T = TypeVar("T")
ENGINE = "bigquery"
# Rows that one commit takes along: the rest comes with the next.
_MOST_AT_ONCE = 200


class Meter:
    """Hears of every job, and stores what it cost beside what is stored anyway.

    What a process had not stored when it died is still in INFORMATION_SCHEMA.JOBS, by its labels.
    """

    def __init__(self, prices: Prices, *, emulated: bool) -> None:
        self._prices = prices
        self._emulated = emulated
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def done(self, job: Done) -> None:
        row = {
            "statement_id": job.job_id,
            "issued_at": datetime.now(UTC).replace(tzinfo=None),
            "label": job.statement.label,
            "asset": job.statement.asset,
            "run_id": job.statement.run_id,
            "engine": ENGINE,
            # An emulator bills nothing, and says so: its zeros are no bill.
            "is_estimate": self._emulated,
            "bytes_processed": job.bytes_processed,
            "bytes_billed": job.bytes_billed,
            "dollars": job.bytes_billed / TIB * self._prices.dollars_per_tib,
        }
        with self._lock:
            self._waiting.append(row)

    def note(self, statements: Iterable[Statement]) -> None:
        """Estimates of what the contract's operations are: here the jobs themselves have told."""

    def write(
        self,
        session: Session,
        doing: str,
        action: Callable[[Transaction], T],
        *,
        scope: str = EVERYBODY,
        label: str = "commit",
    ) -> T:
        """`Session.write`, with what has been noted in the same commit."""
        stored: set[str] = set()

        def with_costs(transaction: Transaction) -> T:
            done = action(transaction)
            stored.clear()
            if transaction.has_changes:
                with self._lock:
                    taken = self._waiting[:_MOST_AT_ONCE]
                stored.update(row["statement_id"] for row in taken)
                _store(transaction, taken)
            return done

        done = session.write(doing, with_costs, scope=scope, label=label)
        with self._lock:
            self._waiting = [row for row in self._waiting if row["statement_id"] not in stored]
        return done

    def settle(self, session: Session) -> None:
        """Store what has been noted, now."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        session.write(
            "Storing what statements cost",
            lambda transaction: _store(transaction, taken),
            label="load",
        )

    def spent(self, cursor: Cursor, since: datetime) -> list[DaySpend]:
        """What every day since then cost, with what is not stored yet."""
        found = days_stored(cursor, since)
        with self._lock:
            waiting = list(self._waiting)
        begin = since.astimezone(UTC).replace(tzinfo=None)
        left = (_day_of(row) for row in waiting if row["issued_at"] >= begin)
        return summed([*found, *left])


def _store(transaction: Transaction, noted: list[dict[str, Any]]) -> None:
    if noted:
        rows = arrow.table(noted, QUERY_COSTS.arrow_schema())
        with transaction.registered("issued", rows):
            transaction.execute(f"INSERT INTO {QUERY_COSTS.qualified} BY NAME SELECT * FROM issued")


def _day_of(row: dict[str, Any]) -> DaySpend:
    return DaySpend(
        row["issued_at"].date(),
        row["label"],
        row["asset"],
        1,
        row["bytes_processed"],
        row["bytes_billed"],
        row["dollars"],
    )
