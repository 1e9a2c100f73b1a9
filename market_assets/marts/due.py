"""Which days of which marts have to be built again: what changed, against what was built since.

A model reads its own day and `reach` days before it. So a changed day is in the numbers of that
day and of `reach` days after it, and in no others. What was made from these counts as well: a
model's reach here is its own and that of what it is made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from market_assets.schemas.timeline import to_datetime
from market_assets.warehouse.contract import Build, Change

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Model:
    """What a mart is made from, however many models lie between: datasets, and days before."""

    name: str
    reach: int
    datasets: frozenset[str]


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """Days to build, both ends included, with the models that need them."""

    first: date
    last: date
    models: tuple[str, ...]


def due(
    changes: Iterable[Change],
    builds: Iterable[Build],
    models: Iterable[Model],
    first: date,
    last: date,
) -> list[Due]:
    """What to build within `first` .. `last`; models that need the same days go together.

    In the order of `models`: what others are made from comes first.
    """
    changes = list(changes)
    built: dict[str, list[Build]] = {}
    for build in builds:
        built.setdefault(build.model, []).append(build)
    by_days: dict[tuple[tuple[date, date], ...], list[str]] = {}
    for model in models:
        wanted = _changed_days(c for c in changes if c.dataset in model.datasets)
        stale = _stale_days(wanted, built.get(model.name, ()), model.reach, first, last)
        if stale:
            by_days.setdefault(tuple(_ranges(stale)), []).append(model.name)
    return [
        Due(start, end, tuple(names)) for ranges, names in by_days.items() for start, end in ranges
    ]


def _changed_days(changes: Iterable[Change]) -> dict[date, datetime]:
    """Each changed day with the time of its last change."""
    days: dict[date, datetime] = {}
    for change in changes:
        day, end = (
            to_datetime(change.window.start).date(),
            to_datetime(change.window.end - 1).date(),
        )
        while day <= end:
            days[day] = max(days.get(day, change.changed_at), change.changed_at)
            day += DAY
    return days


def _stale_days(
    changed: Mapping[date, datetime], builds: Sequence[Build], reach: int, first: date, last: date
) -> list[date]:
    needed: dict[date, datetime] = {}
    for day, when in changed.items():
        for later in range(reach + 1):
            affected = day + later * DAY
            if affected > last:
                break
            if affected >= first:
                needed[affected] = max(needed.get(affected, when), when)
    fresh: dict[date, datetime] = {}
    for build in builds:
        for day in needed:
            if build.first_day <= day <= build.last_day:
                fresh[day] = max(fresh.get(day, build.built_from), build.built_from)
    return sorted(day for day, when in needed.items() if day not in fresh or fresh[day] <= when)


def _ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days that follow each other as one range."""
    found = []
    for _, run in groupby(enumerate(days), key=lambda at: at[1] - at[0] * DAY):
        members = [day for _, day in run]
        found.append((members[0], members[-1]))
    return found
