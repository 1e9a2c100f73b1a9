"""What runs leave about themselves in the store: requests, builds, verdicts, repairs, budgets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse import budget, changes, checks, ledger, statements
from market_assets.warehouse.contract import Build, Change, CheckResult, MissingSpan, RepairAttempt
from market_assets.warehouse.engine import Engine
from market_assets.warehouse.metering import metered


class Records(Engine):
    """The part of a warehouse that tells how it was made."""

    # -- writing ---------------------------------------------------------------------------------

    @metered(statements.load)
    def record_requests(self, records: Iterable[RequestRecord]) -> None:
        """Keep the requests of a run that stores nothing else."""
        asked = ledger.request_rows(records)
        if asked.num_rows:
            self._write(
                "Recording requests",
                lambda connection: ledger.store_requests(connection, asked),
                label="load",
            )

    @metered(statements.load)
    def record_builds(self, builds: Iterable[Build], run_id: str) -> None:
        """Note what dbt has built, so that nobody builds it again for the same changes."""
        found = list(builds)
        self._write(
            "Recording a build",
            lambda connection: changes.record_builds(connection, found, run_id, datetime.now(UTC)),
            label="load",
        )

    @metered(statements.load)
    def record_checks(self, results: Iterable[CheckResult]) -> None:
        """Keep what checks found."""
        judged = checks.check_rows(results, datetime.now(UTC))
        self._write(
            "Recording checks",
            lambda connection: checks.store_checks(connection, judged),
            label="load",
        )

    @metered(statements.load)
    def record_repairs(self, attempts: Iterable[RepairAttempt]) -> None:
        """Keep what was tried to repair."""
        tried = list(attempts)
        self._write(
            "Recording repairs",
            lambda connection: checks.store_repairs(connection, tried),
            label="load",
        )

    # -- reading ---------------------------------------------------------------------------------

    @metered(statements.changes)
    def changes(self, since: datetime) -> list[Change]:
        """What was committed after `since`, oldest first."""
        with self._session.reading("Reading what changed", "changes") as cursor:
            return changes.read_changes(cursor, since)

    @metered(statements.builds)
    def builds(self, since: datetime) -> list[Build]:
        """What was built with the changes up to `since` or later."""
        with self._session.reading("Reading what was built", "changes") as cursor:
            return changes.read_builds(cursor, since)

    @metered(statements.check_results)
    def check_results(self, since: datetime) -> list[CheckResult]:
        """Verdicts given after `since`, oldest first."""
        with self._session.reading("Reading what checks found", "checks") as cursor:
            return checks.read_checks(cursor, since)

    @metered(statements.missing)
    def missing(self) -> list[MissingSpan]:
        """Every span that is ours to repair."""
        with self._session.reading("Reading what is missing", "missing") as cursor:
            return checks.read_missing(cursor)

    @metered(statements.repairs)
    def repairs(self) -> list[RepairAttempt]:
        """Every attempt to repair, oldest first."""
        with self._session.reading("Reading what was repaired", "missing") as cursor:
            return checks.read_repairs(cursor)

    # -- the day's budget ------------------------------------------------------------------------

    @metered(statements.load)
    def release_budget(self, day: date, because: str) -> bool:
        """Let a day go on whose budget is used up; False when somebody had done so already."""
        return self._write(
            "Releasing the budget",
            lambda connection: budget.release(connection, day, because),
            label="load",
        )

    @metered(statements.released)
    def released(self, day: date) -> str | None:
        """Why the day was released, None when it was not."""
        with self._session.reading("Reading whether the budget was released", "costs") as cursor:
            return budget.released(cursor, day)
