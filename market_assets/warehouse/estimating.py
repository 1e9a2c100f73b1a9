"""What the embedded warehouse would cost on BigQuery: estimated, as nobody bills anything here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from market_assets.warehouse import plans, statements
from market_assets.warehouse.engine import Engine
from market_assets.warehouse.metering import metered

if TYPE_CHECKING:
    from market_assets.warehouse.costs import DaySpend, Meter
    from market_assets.warehouse.estimate import Scan, Statement, TableFacts
    from market_assets.warehouse.session import Session


class Estimating(Engine):
    """The part of the embedded warehouse that keeps what it would have cost."""

    _session: Session
    _meter: Meter

    def note(self, statements: Iterable[Statement]) -> None:
        """Keep what was issued; the context says who pays (`metering.charged_to`)."""
        self._meter.note(statements)

    def note_jobs_of_dbt(self, invocation: str, since: datetime) -> None:
        """Nothing is billed here: what a build would cost is noted from its plans."""

    def settle_costs(self) -> None:
        """Store now what statements cost; else it comes with a commit of the next minutes."""
        self._refuse_when_read_only()
        self._meter.settle()

    @metered(statements.spent)
    def spent(self, since: datetime) -> list[DaySpend]:
        """What statements cost since then, by day, label and asset; to the last one issued."""
        with self._session.reading("Reading what was spent") as cursor:
            return self._meter.spent(cursor, since)

    def table_facts(self) -> dict[str, TableFacts]:
        """How large the tables are, as the estimates of cost take them."""
        with self._session.reading("Measuring the tables") as cursor:
            return self._meter.facts(cursor)

    def logical_bytes(self) -> int:
        """All rows at their width on BigQuery: not the size of the compressed files here."""
        return round(sum(one.rows() * one.row_bytes() for one in self.table_facts().values()))

    @contextlib.contextmanager
    def planning(self) -> Iterator[Callable[[str], tuple[Scan, ...]]]:
        """A function that tells what a SELECT reads, without running it."""
        with plans.planner(self._session.layout, self.table_facts()) as reads_of:
            yield reads_of
