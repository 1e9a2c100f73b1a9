"""Build the marts: dbt over some days or all, alone with the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from market_assets.marts.project import Project
from market_assets.warehouse.ducklake import DuckLakeWarehouse

if TYPE_CHECKING:
    from market_assets.settings import Settings


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
    with open_for_dbt(settings) as warehouse, warehouse.writing_alone("Building the marts"):
        project.run(*arguments, doing="Building the marts", show=show)


def build_docs(settings: Settings) -> None:
    """dbt's documentation as one page that needs no server: `Project.docs`."""
    project = Project(settings)
    project.prepare()
    with open_for_dbt(settings) as warehouse, warehouse.writing_alone("Reading the catalog"):
        project.run("docs", "generate", "--static", doing="Making dbt's docs")
    project.docs.parent.mkdir(exist_ok=True)
    page = project.target / "static_index.html"
    page.replace(project.docs)


def days(first: date | None, last: date | None) -> list[str]:
    """The days as dbt takes them: from the first, up to the day after the last."""
    if first is None and last is None:
        return []
    start = first or date(1970, 1, 1)
    end = (last or date.today()) + timedelta(days=1)
    return ["--event-time-start", start.isoformat(), "--event-time-end", end.isoformat()]


def open_for_dbt(settings: Settings) -> DuckLakeWarehouse:
    """The warehouse with a table for every dataset of every venue: the sources that dbt names."""
    from market_assets.venues.registry import VENUES

    return DuckLakeWarehouse(
        settings.warehouse.path,
        venues=tuple(VENUES),
        lock_timeout_seconds=settings.warehouse.lock_timeout_seconds,
    )
