"""Hours of a table that were asked about, but not for every symbol and candle length collected.

That is how a symbol that is new in the settings looks: its table has these hours, and nobody asked
for the symbol in them. Found, they are missing, which makes them be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from market_assets.checks.listings import Listings
from market_assets.schemas import arrow
from market_assets.schemas.datasets import INSTRUMENTS, OHLCV, Dataset
from market_assets.schemas.timeline import (
    DAY_MS,
    HOUR_MS,
    INTERVALS,
    Window,
    ceil_to,
    floor_to,
    merge,
    subtract,
    to_ms,
)
from market_assets.warehouse.contract import Batch, Gap, SeriesOutcome
from market_assets.warehouse.sql import literal, moment
from market_assets.warehouse.tables import COVERAGE, GAPS

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

ALWAYS = Window(0, to_ms(date.max))
# Settlements are at whole hours.
_FUNDING_STEP = HOUR_MS
NOBODY_ASKED = {"unproven": "nobody asked for it"}
NOT_TRADED = {"unproven": "nobody asked for it, and the venue lists no such symbol"}


@dataclass(frozen=True, slots=True)
class Unasked:
    """A time of one series that nobody asked for, though the table has it for others."""

    symbol: str
    interval: str
    window: Window
    # Asking for what a venue does not trade brings nothing: its name is wrong.
    is_traded: bool = True

    @property
    def evidence(self) -> Mapping[str, Any]:
        return NOBODY_ASKED if self.is_traded else NOT_TRADED


def unasked(
    warehouse: Warehouse,
    settings: Settings,
    venue: str,
    dataset: Dataset,
    window: Window,
    instruments: Callable[[], pa.Table] | None = None,
) -> list[Unasked]:
    """What of the window is to be collected, and was never asked for.

    Who has read the venue's instruments already gives them.
    """
    options = settings.venue(venue)
    intervals = tuple(options.intervals) if dataset is OHLCV else ("",)
    begins = to_ms(options.start)
    due = window.clip(begins, None if options.end is None else to_ms(options.end) + DAY_MS)
    # A candle belongs to the hours that it closes in.
    longest = max(INTERVALS.get(interval, 0) for interval in intervals)
    asked = _asked(warehouse, venue, dataset, Window(due.start - longest, due.end)) if due else {}
    if not asked:
        return []
    # Once for all symbols: 500 of them have 500 spans.
    anywhere = merge(part for parts in asked.values() for part in parts)
    listed = instruments() if instruments else warehouse.read(venue, INSTRUMENTS)
    listings = Listings.of(listed, venue)
    return [
        Unasked(symbol, interval, part, is_traded(listings, symbol))
        for interval in intervals
        for symbol in options.symbols
        for part in never_asked(
            anywhere,
            asked.get((symbol, interval), ()),
            interval,
            due,
            begins,
            lives_of(listings, symbol, interval),
        )
    ]


def never_asked(
    anywhere: Sequence[Window],
    own: Sequence[Window],
    interval: str,
    due: Window,
    collected_from: int,
    lives: Sequence[Window] = (ALWAYS,),
) -> list[Window]:
    """What of `due` was asked about anywhere, and not for this series.

    Whole candles that close in it, and of funding whole hours; one that opens before collecting
    begins is nobody's.
    """
    step = INTERVALS.get(interval, _FUNDING_STEP)
    opens = max(collected_from, floor_to(due.start, step))
    left = subtract([part.clip(opens, due.end) for part in anywhere], own)
    alive = (part.clip(life.start, life.end) for part in left for life in lives)
    whole = (_whole(part, step) for part in alive)
    return [part for part in whole if part and part.end > due.start]


def _whole(window: Window, step: int) -> Window:
    """The grid's steps that lie in it."""
    start = ceil_to(window.start, step)
    return Window(start, max(start, floor_to(window.end, step)))


def record_unasked(
    warehouse: Warehouse,
    venue: str,
    dataset: Dataset,
    found: Sequence[Unasked],
    run_id: str,
) -> int:
    """Record what the venue can be asked for as missing; how many spans that were."""
    wanted = [one for one in found if one.is_traded]
    for interval in dict.fromkeys(one.interval for one in wanted):
        series = [
            SeriesOutcome(one.symbol, one.window, (), (Gap(one.window, "missing", one.evidence),))
            for one in wanted
            if one.interval == interval
        ]
        nothing = arrow.table((), dataset.arrow_schema())
        warehouse.commit(Batch(venue, dataset, interval, run_id, nothing, series))
    return len(wanted)


def _asked(
    warehouse: Warehouse, venue: str, dataset: Dataset, window: Window
) -> dict[tuple[str, str], list[Window]]:
    """(symbol, interval) -> the times that are stored, or absent for whatever reason.

    Of every symbol that was ever collected: those of today may be new together.
    """
    parts = [
        f'SELECT symbol, "interval", epoch_ms({span}_start) AS first, epoch_ms({span}_end) AS last'
        f" FROM ops.{table.name} WHERE venue = {literal(venue)}"
        f" AND dataset = {literal(dataset.name)} AND {span}_start < {moment(window.end)}"
        f" AND {span}_end > {moment(window.start)}"
        for table, span in ((COVERAGE, "window"), (GAPS, "gap"))
    ]
    found: dict[tuple[str, str], list[Window]] = {}
    for row in warehouse.ask(" UNION ALL ".join(parts)).to_pylist():
        found.setdefault((row["symbol"], row["interval"]), []).append(
            Window(row["first"], row["last"])
        )
    return found


def is_traded(listings: Listings, symbol: str) -> bool:
    """Unless the venue was asked what it trades, and did not name it."""
    return not listings.by_symbol or symbol in listings.by_symbol


def lives_of(listings: Listings, symbol: str, interval: str) -> list[Window]:
    """From each listing, by whole candles, to its end; of what nobody knows, all times."""
    step = INTERVALS.get(interval, _FUNDING_STEP)
    lives = []
    for version in listings.listings(symbol):
        begins, ends = floor_to(version.listed_at, step), version.delisted_at
        if ends is None and version.status == "delisted":
            ends = version.valid_from
        lives.append(Window(begins, max(begins, ALWAYS.end if ends is None else ends)))
    return lives or [ALWAYS]
