"""Build the marts: dbt over some days or all, alone with the warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from market_assets.marts.project import Project
from market_assets.venues.registry import VENUES
from market_assets.warehouse.contract import Build
from market_assets.warehouse.ducklake import DuckLakeWarehouse

if TYPE_CHECKING:
    from market_assets.settings import Settings

BEGINNING = date(1970, 1, 1)


@dataclass
class Building:
    """A build that is going on, and the models that are done."""

    warehouse: DuckLakeWarehouse
    first: date
    last: date
    begun: datetime
    done: list[str] = field(default_factory=list)

    def builds(self) -> list[Build]:
        return [Build(model, self.first, self.last, self.begun) for model in self.done]


@contextmanager
def building(settings: Settings, first: date, last: date, run_id: str) -> Iterator[Building]:
    """Alone with the warehouse, which has a table for every source that dbt names.

    What is in `done` at the end is remembered as built, also when another model failed.
    """
    with DuckLakeWarehouse(
        settings.warehouse.path,
        venues=tuple(VENUES),
        lock_timeout_seconds=settings.warehouse.lock_timeout_seconds,
    ) as warehouse:
        work: Building | None = None
        try:
            with warehouse.writing_alone("Building the marts"):
                # Who commits holds the lock, so what was committed by now is what dbt will read.
                work = Building(warehouse, first, last, datetime.now(UTC))
                yield work
        finally:
            if work is not None and work.done:
                warehouse.record_builds(work.builds(), run_id)


def build(
    settings: Settings,
    *,
    first: date | None = None,
    last: date | None = None,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    tests: bool = True,
    show: bool = False,
) -> None:
    """Build the days from `first` to `last`, both included; without them, the whole history."""
    project = Project(settings)
    project.prepare()
    arguments = ["build" if tests else "run", *days(first, last)]
    arguments += ["--select", *select] if select else []
    arguments += ["--full-refresh"] if full_refresh else []
    with building(settings, first or BEGINNING, last or _today(), "cli") as work:
        try:
            project.run(*arguments, doing="Building the marts", show=show)
        finally:
            work.done += _built(project)


def build_docs(settings: Settings) -> None:
    """dbt's documentation as one page that needs no server: `Project.docs`."""
    project = Project(settings)
    project.prepare()
    with building(settings, _today(), _today(), "docs"):
        project.run("docs", "generate", "--static", doing="Making dbt's docs")
    project.docs.parent.mkdir(parents=True, exist_ok=True)
    (project.target / "static_index.html").replace(project.docs)


def days(first: date | None, last: date | None) -> list[str]:
    """The days as dbt takes them: from the first, up to the day after the last."""
    if first is None and last is None:
        return []
    start, end = first or BEGINNING, (last or _today()) + timedelta(days=1)
    return ["--event-time-start", start.isoformat(), "--event-time-end", end.isoformat()]


def _built(project: Project) -> Iterable[str]:
    """The models that dbt's last run built, also of a run that failed later."""
    try:
        results = json.loads((project.target / "run_results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [
        result["unique_id"].rpartition(".")[2]
        for result in results["results"]
        if result["status"] == "success" and result["unique_id"].startswith("model.")
    ]


def _today() -> date:
    return datetime.now(UTC).date()
