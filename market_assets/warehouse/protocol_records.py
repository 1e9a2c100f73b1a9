"""The parts of every warehouse that tell how it was made: runs, alerts and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery
from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse.contract import Build, Change, CheckResult, MissingSpan, RepairAttempt

if TYPE_CHECKING:
    from market_assets.warehouse.costs import DaySpend
    from market_assets.warehouse.estimate import Scan, Statement, TableFacts


class KeptRecords(Protocol):
    """What runs leave about themselves: requests, builds, verdicts, repairs."""

    def record_requests(self, records: Iterable[RequestRecord]) -> None:
        """Keep the requests of a run that stores nothing else."""

    def record_builds(self, builds: Iterable[Build], run_id: str) -> None:
        """Note what dbt has built, so that nobody builds it again for the same changes."""

    def record_checks(self, results: Iterable[CheckResult]) -> None:
        """Keep what checks found."""

    def record_repairs(self, attempts: Iterable[RepairAttempt]) -> None:
        """Keep what was tried to repair."""

    def changes(self, since: datetime) -> list[Change]:
        """What was committed after `since`, oldest first."""

    def builds(self, since: datetime) -> list[Build]:
        """What was built with the changes up to `since` or later."""

    def check_results(self, since: datetime) -> list[CheckResult]:
        """Verdicts given after `since`, oldest first."""

    def missing(self) -> list[MissingSpan]:
        """Every span that is ours to repair."""

    def repairs(self) -> list[RepairAttempt]:
        """Every attempt to repair, oldest first."""


class KeptAlerts(Protocol):
    """What was told, and how it reached people."""

    def record_alerts(
        self,
        alerts: Sequence[Alert],
        deliveries: Sequence[AlertDelivery],
        *,
        version: tuple[int, int] | None = None,
    ) -> bool:
        """Add changes; False, and nothing is added, if others did since the book of `version`."""

    def alert_book(self) -> AlertBook:
        """How alerts, their messages and their channels stand."""

    def alerts(self, *, open_only: bool = False) -> list[Alert]:
        """Each alert as it stands, the newest change first."""

    def alert_named(self, prefix: str) -> Alert:
        """The alert whose id begins so; a prefix that names none or several is refused."""

    def alert_history(self, alert_id: str) -> tuple[list[Alert], list[AlertDelivery]]:
        """Every change of an alert, oldest first, and its messages as they stand."""


class KeptCosts(Protocol):
    """What statements cost, and whether the day's budget was let go."""

    def note(self, statements: Iterable[Statement]) -> None:
        """Keep what was issued; the context says who pays (`metering.charged_to`)."""

    def note_jobs_of_dbt(self, invocation: str, since: datetime) -> None:
        """Keep what dbt's own jobs were billed, where the engine bills: dbt sends them past us."""

    def settle_costs(self) -> None:
        """Store now what statements cost; else it comes with a commit of the next minutes."""

    def spent(self, since: datetime) -> list[DaySpend]:
        """What statements cost since then, by day, label and asset; to the last one issued."""

    def release_budget(self, day: date, because: str) -> bool:
        """Let a day go on whose budget is used up; False when somebody had done so already."""

    def released(self, day: date) -> str | None:
        """Why the day was released, None when it was not."""

    def table_facts(self) -> Mapping[str, TableFacts]:
        """How large the tables are, as the estimates of cost take them."""

    def logical_bytes(self) -> int:
        """All rows at their width on BigQuery, which is what keeping them is billed by."""

    def planning(self) -> AbstractContextManager[Callable[[str], tuple[Scan, ...]]]:
        """A function that tells what a SELECT reads, without running it."""
