"""How complete the recent days of each series are, counted as the mart ops_completeness does.

Of candles by rows and gaps; of funding, whose intervals a venue changes at will, by the time that
nobody has asked about yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from market_assets.health.observed import DayCompleteness, Series
from market_assets.schemas.timeline import (
    DAY_MS,
    INTERVALS,
    Window,
    ceil_to,
    subtract,
    to_datetime,
    to_ms,
)
from market_assets.watch.recorded import Absence
from market_assets.watch.stored_series import SeriesKey


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is recorded of one series' recent days."""

    rows_by_day: Mapping[date, int]
    absences: Sequence[Absence] = ()
    covered: Sequence[Window] = ()


def day_completeness(
    series: Series, ledger: Ledger, first_day: int, now: int
) -> list[DayCompleteness]:
    """Each UTC day from the first one to now on which anything is due."""
    begins = max((to_ms(at) for at in _begins(series)), default=first_day)
    ends = min([now, *(to_ms(at) for at in (series.delisted_at, series.collect_until) if at)])
    days = (Window(opens, opens + DAY_MS) for opens in range(first_day, now, DAY_MS))
    found = [_of_day(series, ledger, day, day.clip(begins, ends)) for day in days]
    return [day for day in found if day.expected]


def _begins(series: Series) -> list[datetime]:
    known = (series.collect_from, series.listed_at, series.wanted_since)
    return [at for at in known if at is not None]


def _of_day(series: Series, ledger: Ledger, day: Window, due: Window) -> DayCompleteness:
    step = INTERVALS.get(series.interval)
    present = ledger.rows_by_day.get(to_datetime(day.start).date(), 0)
    missing, explained = 0, 0
    for absence in ledger.absences:
        inside = absence.window.clip(day.start, day.end)
        if inside:
            count = _opening(inside, step) if step else 1
            missing += count if absence.is_missing else 0
            explained += 0 if absence.is_missing else count
    known = present + missing + explained
    if step:
        # Only what has closed by now can be expected, and nothing of before it was wanted.
        unasked = max(0, _closing(due, step) - known)
    else:
        open_ms = sum(window.length for window in subtract([due], ledger.covered)) if due else 0
        unasked = open_ms // int(series.due_every.total_seconds() * 1000)
    return DayCompleteness(
        venue=series.venue,
        dataset=series.dataset,
        interval=series.interval,
        symbol=series.symbol,
        day=to_datetime(day.start).date(),
        expected=known + unasked,
        present=present,
        explained=explained,
        missing=missing,
        unasked=unasked,
    )


def _opening(window: Window, step: int) -> int:
    """Candles that open inside."""
    return max(0, ceil_to(window.end, step) - ceil_to(window.start, step)) // step


def _closing(window: Window, step: int) -> int:
    """Candles that open and close inside."""
    first = ceil_to(window.start, step)
    return max(0, window.end - first) // step


def series_key(series: Series) -> SeriesKey:
    return SeriesKey(series.venue, series.dataset, series.interval, series.symbol)
