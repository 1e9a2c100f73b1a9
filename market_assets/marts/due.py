"""Which days of which marts have to be built again: what changed, against what was built since.

A model reads its own day and `own_reach` days before it. So a changed day of the raw data is in the
numbers of that day and of the `reach` days after it (its own and that of all it is made from), and
in no others. A parent that was built again for a day is such a change as well: whoever builds old
days after new ones, by hand, gets the new ones once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from types import MappingProxyType

from market_assets.schemas.timeline import to_datetime
from market_assets.warehouse.contract import Build, Change

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Model:
    """What a mart is made from: datasets and days before, however many models lie between."""

    name: str
    reach: int
    datasets: frozenset[str]
    own_reach: int = 0
    parents: tuple[str, ...] = ()


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
    blocked: Mapping[str, Collection[date]] = MappingProxyType({}),
) -> list[Due]:
    """What to build within `first` .. `last`; models that need the same days go together.

    Not the days of which a dataset that the model reads is `blocked`: they stay due.
    In the order of `models`: what others are made from comes first.
    """
    changes = list(changes)
    built = _last_builds(builds, first, last)
    by_days: dict[tuple[tuple[date, date], ...], list[str]] = {}
    for model in models:
        needed = _needed(
            _changed_days(c for c in changes if c.dataset in model.datasets),
            model.reach,
            first,
            last,
        )
        fresh = built.get(model.name, {})
        stale = {day for day, when in needed.items() if day not in fresh or fresh[day] <= when}
        for parent in model.parents:
            of_parent = _needed(built.get(parent, {}), model.own_reach, first, last)
            # Built together they have the same time.
            stale |= {d for d, when in of_parent.items() if d not in fresh or fresh[d] < when}
        stale -= {day for dataset in model.datasets for day in blocked.get(dataset, ())}
        if stale:
            by_days.setdefault(tuple(_ranges(sorted(stale))), []).append(model.name)
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


def _last_builds(
    builds: Iterable[Build], first: date, last: date
) -> dict[str, dict[date, datetime]]:
    """Model -> each day with the time of its last build."""
    found: dict[str, dict[date, datetime]] = {}
    for build in builds:
        days = found.setdefault(build.model, {})
        day, end = max(build.first_day, first), min(build.last_day, last)
        while day <= end:
            days[day] = max(days.get(day, build.built_from), build.built_from)
            day += DAY
    return found


def _needed(
    changed: Mapping[date, datetime], reach: int, first: date, last: date
) -> dict[date, datetime]:
    """Each day that a change is in the numbers of, with the time of the last such change.

    The newest of the last `reach` days, for every day: a queue keeps those that can still win.
    """
    needed: dict[date, datetime] = {}
    newest: deque[tuple[date, datetime]] = deque()
    coming = deque(sorted(changed.items()))
    day = max(first, coming[0][0]) if coming else last + DAY
    while day <= last:
        while coming and coming[0][0] <= day:
            change = coming.popleft()
            while newest and newest[-1][1] <= change[1]:
                newest.pop()
            newest.append(change)
        while newest and newest[0][0] < day - reach * DAY:
            newest.popleft()
        if newest:
            needed[day] = newest[0][1]
        day += DAY
    return needed


def _ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days that follow each other as one range."""
    found = []
    for _, run in groupby(enumerate(days), key=lambda at: at[1] - at[0] * DAY):
        members = [day for _, day in run]
        found.append((members[0], members[-1]))
    return found
