"""Build the marts: dbt over some days or all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from market_assets.errors import MartsFailed
from market_assets.marts.costs import charge
from market_assets.marts.lineage import column_lineage
from market_assets.marts.project import Project
from market_assets.marts.results import Result, invocation_of, read_results
from market_assets.venues.registry import VENUES
from market_assets.warehouse.contract import Build
from market_assets.warehouse.metering import charged_to
from market_assets.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

BEGINNING = date(1970, 1, 1)


class BuildFailed(MartsFailed):
    """Some marts could not be built, or a test failed; `results` tells of every one."""

    def __init__(self, cause: MartsFailed, results: list[Result]) -> None:
        self.results = results
        super().__init__(cause.doing, cause.problem, cause.action)


@dataclass
class Building:
    """A build that is going on, and the models that are done."""

    warehouse: Warehouse
    first: date
    last: date
    begun: datetime
    done: list[str] = field(default_factory=list)

    def builds(self) -> list[Build]:
        return [Build(model, self.first, self.last, self.begun) for model in self.done]


@contextmanager
def building(settings: Settings, first: date, last: date, run_id: str) -> Iterator[Building]:
    """The warehouse with a table for every source that dbt names.

    What is in `done` at the end is remembered as built, also when another model failed.
    """
    with open_warehouse(settings, venues=tuple(VENUES)) as warehouse:
        # Who commits holds the lock, so what was committed by now is what dbt will read. What comes
        # while it works may be in some models and not in others, and counts as changed after.
        with warehouse.writing_alone("Building the marts") as begun:
            work = Building(warehouse, first, last, begun)
        try:
            yield work
        finally:
            if work.done:
                warehouse.record_builds(work.builds(), run_id)


def build(
    settings: Settings,
    *,
    first: date | None = None,
    last: date | None = None,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    tests: bool = True,
    told: Callable[[str], None] | None = None,
    run_id: str = "cli",
) -> list[Result]:
    """Build the days from `first` to `last`, both included; without them, the whole history.

    A mart that cannot be built raises when all others are done; what was built is remembered.
    """
    project = Project(settings)
    project.prepare()
    # Unit tests are about the SQL and not about data: the project's own tests run them.
    arguments = ["build", "--exclude-resource-type", "unit_test"] if tests else ["run"]
    arguments += days(first, last)
    arguments += ["--select", *select] if select else []
    arguments += ["--full-refresh"] if full_refresh else []
    with (
        building(settings, first or BEGINNING, last or _today(), run_id) as work,
        project.run_folder() as folder,
    ):
        try:
            project.run(*arguments, doing="Building the marts", target=folder, told=told)
        except MartsFailed as error:
            raise BuildFailed(error, read_results(folder)) from error
        finally:
            results = read_results(folder)
            work.done += [result.name for result in results if result.built]
            with charged_to(run_id=run_id):
                charge(project, work.warehouse, results, first, last)
                work.warehouse.note_jobs_of_dbt(invocation_of(folder), work.begun)
    return results


def build_docs(settings: Settings) -> None:
    """dbt's documentation as one page that needs no server, and which column is made from which."""
    project = Project(settings)
    project.prepare()
    with (
        building(settings, _today(), _today(), "docs"),
        project.run_folder() as folder,
    ):
        project.run("docs", "generate", "--static", doing="Making dbt's docs", target=folder)
        project.write_lineage(column_lineage(folder))
        project.docs.parent.mkdir(parents=True, exist_ok=True)
        (folder / "static_index.html").replace(project.docs)


def days(first: date | None, last: date | None) -> list[str]:
    """The days as dbt takes them: from the first, up to the day after the last."""
    if first is None and last is None:
        return []
    start, end = first or BEGINNING, (last or _today()) + timedelta(days=1)
    return ["--event-time-start", start.isoformat(), "--event-time-end", end.isoformat()]


def _today() -> date:
    return datetime.now(UTC).date()
