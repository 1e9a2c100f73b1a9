"""What is wrong with the market itself: hours without trades, lost rows, outages, corrections.

All of it depends on (seed, venue, symbol, hour) only, so it is the same at each ask: truth, not
chance. What is wrong with single answers is in faults.py.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market_assets.simulator.config import Correction, FaultsConfig
from market_assets.simulator.intervals import (
    DAY_MINUTES,
    DAY_MS,
    HOUR_MINUTES,
    HOUR_MS,
    MINUTE_MS,
)
from market_assets.simulator.noise import Floats, stream, uniform

_ALL_MINUTES: Final = np.arange(DAY_MINUTES, dtype=np.int64)


class Hour(IntEnum):
    """What happens in an hour of one symbol on one venue."""

    TRADES = 0
    NO_TRADE = 1  # nobody trades, no rows
    LOST = 2  # traded, but the venue never serves its rows up to 1h
    FLAT = 3  # nobody trades, flat rows without volume


class Defects:
    """Answers what is wrong on a venue, for a symbol, on a day."""

    def __init__(self, seed: int, faults: FaultsConfig) -> None:
        self._seed = seed
        self._faults = faults
        self._any_hour = faults.no_trade_rate + faults.lost_rate + faults.flat_rate > 0.0

    def hours(self, venue: str, symbol: str, first_hour: int, count: int) -> NDArray[np.uint8]:
        """One `Hour` each; hours are counted since 1970."""
        states = np.zeros(count, dtype=np.uint8)
        if not self._any_hour:
            return states
        key = stream(self._seed, "hours", venue, symbol)
        drawn = uniform(key, np.arange(first_hour, first_hour + count, dtype=np.int64))
        faults = self._faults
        no_trade = faults.no_trade_rate
        lost = no_trade + faults.lost_rate
        flat = lost + faults.flat_rate
        states[drawn < flat] = Hour.FLAT
        states[drawn < lost] = Hour.LOST
        states[drawn < no_trade] = Hour.NO_TRADE
        return states

    def flat_since(self, venue: str, symbol: str, hour: int, listed_hour: int) -> int:
        """The first hour of the tradeless run that holds this one: its prices stand since then."""
        while hour > listed_hour:
            before = int(self.hours(venue, symbol, hour - 1, 1)[0])
            if before not in (Hour.FLAT, Hour.NO_TRADE) and not self._out(venue, hour - 1):
                break
            hour -= 1
        return hour

    def outage_minutes(self, venue: str, day: int) -> NDArray[np.bool_] | None:
        """Which minutes of the day fall into an outage; None if none does."""
        out: NDArray[np.bool_] | None = None
        for outage in self._faults.outages:
            if outage.venue != venue:
                continue
            first = -(-(outage.start - day * DAY_MS) // MINUTE_MS)
            last = -(-(outage.end - day * DAY_MS) // MINUTE_MS)
            if last <= 0 or first >= DAY_MINUTES:
                continue
            within = (first <= _ALL_MINUTES) & (last > _ALL_MINUTES)
            out = within if out is None else out | within
        return out

    def down(self, venue: str, now: int) -> bool:
        return any(
            outage.down and outage.venue == venue and outage.start <= now < outage.end
            for outage in self._faults.outages
        )

    def factors(self, venue: str, symbol: str, day: int) -> Floats | None:
        """By how much each minute's price differs from everybody's; None if it does not."""
        result: Floats | None = None
        for item in self._faults.divergence:
            if item.venue != venue or item.symbol != symbol:
                continue
            moments = day * DAY_MS + _ALL_MINUTES * MINUTE_MS
            within = (moments >= item.start) & (moments < item.end)
            if within.any():
                factor = np.where(within, item.factor, 1.0)
                result = factor if result is None else result * factor
        return result

    def corrections(self, venue: str, symbol: str, day: int, now: int) -> tuple[Correction, ...]:
        """Those that are in force now for hours of this day."""
        if not self._faults.corrections:
            return ()
        return tuple(
            item
            for item in self._faults.corrections
            if item.venue == venue
            and item.symbol == symbol
            and item.at <= now
            and item.hour // DAY_MS == day
        )

    def _out(self, venue: str, hour: int) -> bool:
        start = hour * HOUR_MS
        return any(
            outage.venue == venue and outage.start <= start and start + HOUR_MS <= outage.end
            for outage in self._faults.outages
        )


def minutes_of(states: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The state of each minute from the state of each hour."""
    return np.repeat(states, HOUR_MINUTES)
