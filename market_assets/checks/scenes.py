"""What a rule is shown: rows of one venue with what is needed to judge them, and the time.

Rows may come in any order and from before the window: those serve the statistics, and only rows
inside the window are reported. Nothing after the window is looked at: a verdict is the same
whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from market_assets.checks.listings import Listings
from market_assets.checks.rows import CANDLE_NUMBERS, FUNDING_NUMBERS, Rows
from market_assets.schemas.timeline import INTERVALS, Window

if TYPE_CHECKING:
    import pyarrow as pa


# No slots: what several rules need is worked out once and kept.
@dataclass(frozen=True)
class CandleScene:
    """Candles of one length of one venue.

    `candles` are canonical ohlcv rows, reaching back `Policy.look_back_ms` before the window;
    `others` have symbol, timestamp and close of the same candles elsewhere, by venue;
    `instruments` are all versions of what the venue lists, None where nobody knows.
    """

    venue: str
    interval: str
    candles: pa.Table
    window: Window
    now_ms: int
    others: Mapping[str, pa.Table] = field(default_factory=dict)
    instruments: pa.Table | None = None

    @property
    def step(self) -> int:
        return INTERVALS[self.interval]

    @cached_property
    def rows(self) -> Rows:
        """The candles by symbol and time, each once, up to the end of the window."""
        return Rows.of(self.candles, CANDLE_NUMBERS, self.window)

    @cached_property
    def other_rows(self) -> tuple[Rows, ...]:
        """The other venues' candles in the same way."""
        return tuple(
            Rows.of(table, ("close",), self.window)
            for venue, table in self.others.items()
            if venue != self.venue
        )

    @cached_property
    def listings(self) -> Listings:
        return Listings.of(self.instruments, self.venue)


@dataclass(frozen=True)
class FundingScene:
    """Settlements of one venue, reaching back `policy.MONTH_MS` before the window."""

    venue: str
    settlements: pa.Table
    window: Window
    now_ms: int
    instruments: pa.Table | None = None

    @cached_property
    def rows(self) -> Rows:
        """The settlements by symbol and time, each once, up to the end of the window."""
        return Rows.of(self.settlements, FUNDING_NUMBERS, self.window)

    @cached_property
    def listings(self) -> Listings:
        return Listings.of(self.instruments, self.venue)
