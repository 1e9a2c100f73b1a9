"""Which files of a bulk archive hold some spans of time. Pure functions of time.

Layout and times of publication: https://github.com/binance/binance-public-data. That Aster's
archive has the same is an assumption: nobody has looked yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from market_assets.schemas.timeline import (
    DAY_MS,
    INTERVALS,
    Window,
    ceil_to,
    floor_to,
    merge,
    to_datetime,
    to_ms,
)

_FOLDER = "/data/futures/um"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One zip: a series' rows of a day or a month."""

    venue: str
    symbol: str  # canonical
    native_symbol: str  # as the venue spells it, and so the file
    interval: str  # "" for funding
    every: Literal["daily", "monthly"]
    window: Window

    @property
    def name(self) -> str:
        day = to_datetime(self.window.start)
        period = day.strftime("%Y-%m-%d" if self.every == "daily" else "%Y-%m")
        return f"{self.native_symbol}-{self.interval or 'fundingRate'}-{period}.zip"

    @property
    def path(self) -> str:
        kind = f"klines/{self.native_symbol}/{self.interval}"
        if not self.interval:
            kind = f"fundingRate/{self.native_symbol}"
        return f"{_FOLDER}/{self.every}/{kind}/{self.name}"

    @property
    def checksum_path(self) -> str:
        return f"{self.path}.CHECKSUM"

    @property
    def most_rows(self) -> int:
        return self.window.length // INTERVALS.get(self.interval, INTERVALS["1h"])


@dataclass(frozen=True, slots=True)
class ArchivedSeries:
    """Whose files: a symbol's candles of one length, or its funding."""

    venue: str
    symbol: str
    native_symbol: str
    interval: str = ""

    def files(self, windows: Iterable[Window], now: int) -> list[ArchiveFile]:
        """The fewest published files that hold the windows, each moment in one of them.

        A month where all its days are wanted, else days. Settlements come in months only.
        """
        over = merge(window.clip(end=floor_to(now, DAY_MS)) for window in windows)
        days = sorted({day for window in over for day in _days(window)})
        found: list[ArchiveFile] = []
        for month, inside in groupby(days, month_of):
            wanted = list(inside)
            published = first_monday(month.end) <= now
            whole = len(wanted) * DAY_MS == month.length
            if published and (whole or not self.interval):
                found.append(self._file("monthly", month))
            elif self.interval:
                found += [self._file("daily", Window(day, day + DAY_MS)) for day in wanted]
        return found

    def days_of(self, month: ArchiveFile) -> list[ArchiveFile]:
        """What holds the same as a month's file; nothing for funding, which has no daily files."""
        pieces = month.window.pieces(DAY_MS) if self.interval else ()
        return [self._file("daily", day) for day in pieces]

    def _file(self, every: Literal["daily", "monthly"], window: Window) -> ArchiveFile:
        return ArchiveFile(
            self.venue, self.symbol, self.native_symbol, self.interval, every, window
        )


def month_of(moment: int) -> Window:
    """The calendar month (UTC) that holds a moment."""
    day = to_datetime(moment)
    first = datetime(day.year, day.month, 1, tzinfo=day.tzinfo)
    following = (first + timedelta(days=31)).replace(day=1)
    return Window(to_ms(first), to_ms(following))


def first_monday(first_of_month: int) -> int:
    """When the files of the month before are published."""
    return first_of_month + -to_datetime(first_of_month).weekday() % 7 * DAY_MS


def _days(window: Window) -> Sequence[int]:
    return range(floor_to(window.start, DAY_MS), ceil_to(window.end, DAY_MS), DAY_MS)
