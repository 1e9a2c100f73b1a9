"""What tells how the store was made, on BigQuery: the same statements, another session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery
from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse import alerting, budget, changes, checks, ledger
from market_assets.warehouse.bigquery.session import Session, Transaction
from market_assets.warehouse.bigquery.writers import EVERYBODY
from market_assets.warehouse.contract import Build, Change, CheckResult, MissingSpan, RepairAttempt

if TYPE_CHECKING:
    from market_assets.warehouse.bigquery.costs import Meter
    from market_assets.warehouse.bigquery.jobs import Jobs
    from market_assets.warehouse.costs import DaySpend
    from market_assets.warehouse.estimate import Scan, Statement, TableFacts

T = TypeVar("T")
_LOG = "load"
# The label that dbt-bigquery puts on every job of one run.
DBT_INVOCATION = "dbt_invocation_id"


class BigQueryRecords:
    """What runs leave about themselves; alerts; costs."""

    _session: Session
    _meter: Meter
    _jobs: Jobs

    # -- runs ------------------------------------------------------------------------------------

    def record_requests(self, records: Iterable[RequestRecord]) -> None:
        """Keep the requests of a run that stores nothing else."""
        asked = ledger.request_rows(records)
        self._write("Recording requests", lambda t: ledger.store_requests(t, asked), label=_LOG)

    def record_builds(self, builds: Iterable[Build], run_id: str) -> None:
        """Note what dbt has built, so that nobody builds it again for the same changes."""
        found = list(builds)
        self._write(
            "Recording a build",
            lambda t: changes.record_builds(t, found, run_id, datetime.now(UTC)),
            label=_LOG,
        )

    def record_checks(self, results: Iterable[CheckResult]) -> None:
        """Keep what checks found."""
        judged = checks.check_rows(results, datetime.now(UTC))
        self._write("Recording checks", lambda t: checks.store_checks(t, judged), label=_LOG)

    def record_repairs(self, attempts: Iterable[RepairAttempt]) -> None:
        """Keep what was tried to repair."""
        tried = list(attempts)
        self._write("Recording repairs", lambda t: checks.store_repairs(t, tried), label=_LOG)

    def changes(self, since: datetime) -> list[Change]:
        """What was committed after `since`, oldest first."""
        with self._session.reading("Reading what changed", "changes") as cursor:
            return changes.read_changes(cursor, since)

    def builds(self, since: datetime) -> list[Build]:
        """What was built with the changes up to `since` or later."""
        with self._session.reading("Reading what was built", "changes") as cursor:
            return changes.read_builds(cursor, since)

    def check_results(self, since: datetime) -> list[CheckResult]:
        """Verdicts given after `since`, oldest first."""
        with self._session.reading("Reading what checks found", "checks") as cursor:
            return checks.read_checks(cursor, since)

    def missing(self) -> list[MissingSpan]:
        """Every span that is ours to repair."""
        with self._session.reading("Reading what is missing", "missing") as cursor:
            return checks.read_missing(cursor)

    def repairs(self) -> list[RepairAttempt]:
        """Every attempt to repair, oldest first."""
        with self._session.reading("Reading what was repaired", "missing") as cursor:
            return checks.read_repairs(cursor)

    # -- alerts ----------------------------------------------------------------------------------

    def record_alerts(
        self,
        alerts: Sequence[Alert],
        deliveries: Sequence[AlertDelivery],
        *,
        version: tuple[int, int] | None = None,
    ) -> bool:
        """Add changes; False, and nothing is added, if others did since the book of `version`."""
        return self._write(
            "Recording alerts",
            lambda t: alerting.store_alerts(t, alerts, deliveries, version),
            label=_LOG,
        )

    def alert_book(self) -> AlertBook:
        """How alerts, their messages and their channels stand."""
        with self._session.reading("Reading the alerts", "alerts") as cursor:
            return alerting.read_book(cursor)

    def alerts(self, *, open_only: bool = False) -> list[Alert]:
        """Each alert as it stands, the newest change first."""
        with self._session.reading("Reading the alerts", "alerts") as cursor:
            return alerting.read_alerts(cursor, open_only=open_only)

    def alert_named(self, prefix: str) -> Alert:
        """The alert whose id begins so; a prefix that names none or several is refused."""
        with self._session.reading("Looking for an alert", "alerts") as cursor:
            return alerting.alert_named(cursor, prefix)

    def alert_history(self, alert_id: str) -> tuple[list[Alert], list[AlertDelivery]]:
        """Every change of an alert, oldest first, and its messages as they stand."""
        with self._session.reading("Reading an alert's history", "alerts") as cursor:
            return alerting.read_history(cursor, alert_id)

    # -- costs -----------------------------------------------------------------------------------

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

    def release_budget(self, day: date, because: str) -> bool:
        """Let a day go on whose budget is used up; False when somebody had done so already."""
        return self._write(
            "Releasing the budget", lambda t: budget.release(t, day, because), label=_LOG
        )

    def released(self, day: date) -> str | None:
        """Why the day was released, None when it was not."""
        with self._session.reading("Reading whether the budget was released", "costs") as cursor:
            return budget.released(cursor, day)

    def table_facts(self) -> dict[str, TableFacts]:
        """None: what a statement would cost, a dry run tells."""
        return {}

    @contextlib.contextmanager
    def planning(self) -> Iterator[Callable[[str], tuple[Scan, ...]]]:
        """Nothing is planned here: dbt's own jobs tell what they read."""
        yield lambda _: ()

    # -- inside ----------------------------------------------------------------------------------

    def _write(
        self,
        doing: str,
        action: Callable[[Transaction], T],
        *,
        scope: str = EVERYBODY,
        label: str = "commit",
    ) -> T:
        self._refuse_when_read_only()
        return self._meter.write(self._session, doing, action, scope=scope, label=label)

    def _refuse_when_read_only(self) -> None:
        if self._session.read_only:
            raise RuntimeError("the warehouse on BigQuery was opened read-only")
