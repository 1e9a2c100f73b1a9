"""The day's budget: what was spent, what it comes to, and who has to wait when it is used up.

Pure: days of spending and the time are arguments.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.warehouse.costs import DaySpend

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Sum:
    """What something cost today and this month, and what the month comes to if it goes on so."""

    today: float = 0.0
    month: float = 0.0
    projected: float = 0.0
    statements_today: int = 0
    bytes_billed_today: int = 0


@dataclass(frozen=True, slots=True)
class AssetSum:
    """The same of one asset; no asset is what belongs to none."""

    asset: str
    sum: Sum


@dataclass(frozen=True, slots=True)
class Tally:
    """All of it, and by asset, the dearest of the month first."""

    total: Sum
    assets: tuple[AssetSum, ...] = ()


def begin_of_month(now: datetime) -> datetime:
    """From when on costs are needed to tell about today and the month (UTC)."""
    return _utc(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def tally(spent: Iterable[DaySpend], now: datetime) -> Tally:
    """Add up what was spent on the days of this month up to now."""
    today = _utc(now).date()
    of_month = [s for s in spent if (s.day.year, s.day.month) == (today.year, today.month)]
    found = [s for s in of_month if s.day <= today]
    by_asset: dict[str, list[DaySpend]] = {}
    for line in found:
        by_asset.setdefault(line.asset, []).append(line)
    sums = [AssetSum(asset, _sum(lines, now)) for asset, lines in by_asset.items()]
    return Tally(_sum(found, now), tuple(sorted(sums, key=lambda one: (-one.sum.month, one.asset))))


def projected(month_dollars: float, first: date, now: datetime) -> float:
    """What the month comes to at the pace since `first`, its first day with a cost.

    Before the first day is over the pace is that of a whole day: an hour says too little.
    """
    moment = _utc(now)
    days = calendar.monthrange(moment.year, moment.month)[1]
    begun = datetime(first.year, first.month, first.day, tzinfo=UTC)
    passed = max(1.0, (moment - begun).total_seconds() / _DAY_SECONDS)
    left = days - (begun.day - 1) - passed
    return month_dollars + month_dollars / passed * max(0.0, left)


def is_used_up(today_dollars: float, budget: float, *, released: bool) -> bool:
    """Does what can wait have to? A budget of nothing is used up by the first cent."""
    return not released and today_dollars > 0 and today_dollars >= budget


def _sum(lines: Sequence[DaySpend], now: datetime) -> Sum:
    if not lines:
        return Sum()
    today = [line for line in lines if line.day == _utc(now).date()]
    month = sum(line.dollars for line in lines)
    return Sum(
        sum(line.dollars for line in today),
        month,
        projected(month, min(line.day for line in lines), now),
        sum(line.statements for line in today),
        sum(line.bytes_billed for line in today),
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
