"""Time as this product sees it: UTC, half-open windows, candle grids, and sets of windows.

Everything is kept in whole milliseconds since the epoch, which is what every venue speaks;
`datetime` appears only at the edges, for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# Weeks and months are left out on purpose: they are built from our own days.
INTERVALS: dict[str, int] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
}


def to_ms(moment: datetime | date) -> int:
    """Milliseconds since the epoch. A date is its midnight, a naive datetime is taken as UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch, the resolution of the store."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def to_datetime(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def to_text(ms: int) -> str:
    """`2026-01-31 07:00` (seconds only where there are any): what people read in messages."""
    moment = to_datetime(ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S" if ms % MINUTE_MS else "%Y-%m-%d %H:%M")


def floor_to(ms: int, step: int) -> int:
    return ms - ms % step


def ceil_to(ms: int, step: int) -> int:
    return -(-ms // step) * step


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """A half-open span of time, [start, end), in milliseconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end before it starts: {self.start}, {self.end}")

    @classmethod
    def of(cls, start: datetime | date, end: datetime | date) -> Window:
        return cls(to_ms(start), to_ms(end))

    def __str__(self) -> str:
        return f"[{to_text(self.start)}, {to_text(self.end)})"

    def __bool__(self) -> bool:
        return self.end > self.start

    def __contains__(self, ms: int) -> bool:
        return self.start <= ms < self.end

    @property
    def length(self) -> int:
        return self.end - self.start

    def clip(self, start: int | None = None, end: int | None = None) -> Window:
        """The part inside [start, end); empty (zero length) when there is none."""
        low = self.start if start is None else max(self.start, start)
        high = self.end if end is None else min(self.end, end)
        return Window(low, max(low, high))

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def pieces(self, length: int) -> Iterator[Window]:
        """Cut into consecutive windows of at most `length`."""
        at = self.start
        while at < self.end:
            yield Window(at, min(at + length, self.end))
            at += length

    def grid(self, step: int) -> range:
        """Every aligned open time inside the window."""
        return range(ceil_to(self.start, step), self.end, step)


NO_TIME = Window(0, 0)


def merge(windows: Iterable[Window]) -> list[Window]:
    """The same set of moments with touching and overlapping windows joined, in order."""
    joined: list[Window] = []
    for window in sorted(w for w in windows if w):
        if joined and window.start <= joined[-1].end:
            if window.end > joined[-1].end:
                joined[-1] = Window(joined[-1].start, window.end)
        else:
            joined.append(window)
    return joined


def subtract(windows: Iterable[Window], holes: Iterable[Window]) -> list[Window]:
    """What of `windows` lies in none of `holes`. One walk over both, whatever their number."""
    remaining: list[Window] = []
    cut = merge(holes)
    first = 0
    for window in merge(windows):
        start = window.start
        while first < len(cut) and cut[first].end <= start:
            first += 1
        at = first
        while at < len(cut) and cut[at].start < window.end:
            if start < cut[at].start:
                remaining.append(Window(start, cut[at].start))
            start = max(start, cut[at].end)
            at += 1
        if start < window.end:
            remaining.append(Window(start, window.end))
    return remaining


def windows_of(moments: Iterable[int], step: int) -> list[Window]:
    """Runs of consecutive grid points as windows: [1, 2, 3, 7] -> [1, 4), [7, 8) for step 1."""
    return merge(Window(moment, moment + step) for moment in moments)
