"""What runs leave about themselves in the store: requests, builds, verdicts, repairs, costs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse import budget, changes, checks, ledger, plans, statements
from market_assets.warehouse.contract import Build, Change, CheckResult, MissingSpan, RepairAttempt
from market_assets.warehouse.metering import metered

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from market_assets.warehouse.costs import DaySpend, Meter
    from market_assets.warehouse.estimate import Scan, Statement, TableFacts
    from market_assets.warehouse.session import Session

T = TypeVar("T")


class Records:
    """The part of the embedded warehouse that tells how it was made."""

    path: Path
    _session: Session
    _meter: Meter

    # -- writing ---------------------------------------------------------------------------------

    @metered(statements.load)
    def record_requests(self, records: Iterable[RequestRecord]) -> None:
        """Keep the requests of a run that stores nothing else."""
        self._refuse_when_read_only()
        asked = ledger.request_rows(records)
        if asked.num_rows:
            self._write(
                "Recording requests",
                lambda connection: ledger.store_requests(connection, asked),
            )

    @metered(statements.load)
    def record_builds(self, builds: Iterable[Build], run_id: str) -> None:
        """Note what dbt has built, so that nobody builds it again for the same changes."""
        self._refuse_when_read_only()
        found = list(builds)
        self._write(
            "Recording a build",
            lambda connection: changes.record_builds(connection, found, run_id, datetime.now(UTC)),
        )

    @metered(statements.load)
    def record_checks(self, results: Iterable[CheckResult]) -> None:
        """Keep what checks found."""
        self._refuse_when_read_only()
        judged = checks.check_rows(results, datetime.now(UTC))
        self._write("Recording checks", lambda connection: checks.store_checks(connection, judged))

    @metered(statements.load)
    def record_repairs(self, attempts: Iterable[RepairAttempt]) -> None:
        """Keep what was tried to repair."""
        self._refuse_when_read_only()
        tried = list(attempts)
        self._write("Recording repairs", lambda connection: checks.store_repairs(connection, tried))

    # -- reading ---------------------------------------------------------------------------------

    @metered(statements.changes)
    def changes(self, since: datetime) -> list[Change]:
        """What was committed after `since`, oldest first."""
        with self._session.reading("Reading what changed") as cursor:
            return changes.read_changes(cursor, since)

    @metered(statements.builds)
    def builds(self, since: datetime) -> list[Build]:
        """What was built with the changes up to `since` or later."""
        with self._session.reading("Reading what was built") as cursor:
            return changes.read_builds(cursor, since)

    @metered(statements.check_results)
    def check_results(self, since: datetime) -> list[CheckResult]:
        """Verdicts given after `since`, oldest first."""
        with self._session.reading("Reading what checks found") as cursor:
            return checks.read_checks(cursor, since)

    @metered(statements.missing)
    def missing(self) -> list[MissingSpan]:
        """Every span that is ours to repair."""
        with self._session.reading("Reading what is missing") as cursor:
            return checks.read_missing(cursor)

    @metered(statements.repairs)
    def repairs(self) -> list[RepairAttempt]:
        """Every attempt to repair, oldest first."""
        with self._session.reading("Reading what was repaired") as cursor:
            return checks.read_repairs(cursor)

    # -- costs -----------------------------------------------------------------------------------

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

    @metered(statements.load)
    def release_budget(self, day: date, because: str) -> bool:
        """Let a day go on whose budget is used up; False when somebody had done so already."""
        self._refuse_when_read_only()
        return self._write(
            "Releasing the budget", lambda connection: budget.release(connection, day, because)
        )

    @metered(statements.released)
    def released(self, day: date) -> str | None:
        """Why the day was released, None when it was not."""
        with self._session.reading("Reading whether the budget was released") as cursor:
            return budget.released(cursor, day)

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

    # -- inside ----------------------------------------------------------------------------------

    def _write(self, doing: str, action: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        return self._meter.write(doing, action)

    def _refuse_when_read_only(self) -> None:
        if self._session.read_only:
            raise RuntimeError(f"the warehouse at {self.path} was opened read-only")
