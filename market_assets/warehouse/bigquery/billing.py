"""What the store on BigQuery costs: each job says itself what it was billed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from market_assets.warehouse.bigquery.session import Session
from market_assets.warehouse.engine import Engine

if TYPE_CHECKING:
    from market_assets.warehouse.bigquery.costs import Meter
    from market_assets.warehouse.bigquery.jobs import Jobs
    from market_assets.warehouse.costs import DaySpend
    from market_assets.warehouse.estimate import Scan, Statement, TableFacts

# The label that dbt-bigquery puts on every job of one run.
DBT_INVOCATION = "dbt_invocation_id"


class Billed(Engine):
    """The part of the store on BigQuery that keeps its bill."""

    _session: Session
    _meter: Meter
    _jobs: Jobs

    def note(self, statements: Iterable[Statement]) -> None:
        """Estimates are for engines that bill nothing: here each job tells what it cost."""

    def note_jobs_of_dbt(self, invocation: str, since: datetime) -> None:
        """Keep what each of dbt's jobs was billed; its labels say for which mart."""
        with self._session.explaining("Reading what dbt's jobs cost"):
            self._jobs.hear_of(DBT_INVOCATION, invocation, since)

    def settle_costs(self) -> None:
        """Store now what statements cost; else it comes with the next commit."""
        self._refuse_when_read_only()
        self._meter.settle(self._session)

    def spent(self, since: datetime) -> list[DaySpend]:
        """What statements cost since then, by day, label and asset; to the last one issued."""
        with self._session.reading("Reading what was spent", "costs") as cursor:
            return self._meter.spent(cursor, since)

    def table_facts(self) -> dict[str, TableFacts]:
        """None: what a statement would cost, a dry run tells."""
        return {}

    @contextlib.contextmanager
    def planning(self) -> Iterator[Callable[[str], tuple[Scan, ...]]]:
        """Nothing is planned here: dbt's own jobs tell what they read."""
        yield lambda _: ()
