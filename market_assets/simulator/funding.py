"""Funding: settled from a smooth premium, at a rhythm that changes over an instrument's life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import FOREVER, HOUR_MS, MINUTE_MS
from market_assets.simulator.manners import MANNERS
from market_assets.simulator.noise import Floats, Ints, smooth_at, stream, uniform

INTEREST: Final = 0.0001
_SLOW_MINUTES: Final = 2_880
_FAST_MINUTES: Final = 480
_JITTER_MS: Final = 21  # fundingTime on Binance is 0..20 ms late


@dataclass(frozen=True, slots=True)
class Settlement:
    """One payment: the nominal moment, the moment as reported, and the rate that was charged."""

    at: int
    raw: int
    rate: float
    predicted: float
    hours: int


class Funding:
    """What was and what will be charged, on each venue."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def settled(
        self, venue: str, instrument: Instrument, start: int, end: int, now: int
    ) -> list[Settlement]:
        """All whose reported moment is in [start, end] and over by now, ascending."""
        moments, hours = _schedule(venue, instrument, start - _JITTER_MS, min(end, now))
        if not moments.size:
            return []
        raw = moments + self._jitter(venue, instrument.symbol, moments)
        rates = self._rates(venue, instrument, moments, hours)
        off = uniform(stream(self._seed, "prediction", venue, instrument.symbol), moments)
        places = MANNERS[venue].rate_places
        predicted = np.round(rates + (off - 0.4) * 1e-7, places)
        rates = np.round(rates, places)
        return [
            Settlement(*each)
            for each in zip(
                moments.tolist(),
                raw.tolist(),
                rates.tolist(),
                predicted.tolist(),
                hours.tolist(),
                strict=True,
            )
            if start <= each[1] <= end and each[1] <= now
        ]

    def upcoming(self, venue: str, instrument: Instrument, now: int) -> list[tuple[int, int]]:
        """The next settlements as (moment, hours); none once the instrument is delisted."""
        moments, hours = _schedule(venue, instrument, now + 1, now + 49 * HOUR_MS)
        return list(zip(moments.tolist(), hours.tolist(), strict=True))

    def estimate(self, venue: str, instrument: Instrument, now: int) -> float:
        """What would be charged next if the premium stayed as it is now."""
        ahead = self.upcoming(venue, instrument, now)
        hours = ahead[0][1] if ahead else hours_at(instrument, now)
        rate = self._rates(venue, instrument, np.array([now]), np.array([hours]))
        return round(float(rate[0]), MANNERS[venue].rate_places)

    def premium(self, venue: str, instrument: Instrument, moments: Ints) -> Floats:
        """How far the contract stands above the index, as a fraction."""
        symbol = instrument.symbol
        minutes = moments // MINUTE_MS
        shared = smooth_at(stream(self._seed, "premium", symbol), _SLOW_MINUTES, minutes)
        own = smooth_at(stream(self._seed, "premium", symbol, venue), _FAST_MINUTES, minutes)
        premium: Floats = instrument.premium * (shared + 0.2 * own)
        return premium

    def _rates(self, venue: str, instrument: Instrument, moments: Ints, hours: Ints) -> Floats:
        per_eight_hours = INTEREST + self.premium(venue, instrument, moments)
        cap = instrument.funding_cap
        rates: Floats = np.clip(per_eight_hours * (hours / 8.0), -cap, cap)
        return rates

    def _jitter(self, venue: str, symbol: str, moments: Ints) -> Ints:
        if not MANNERS[venue].late_funding:
            return np.zeros_like(moments)
        drawn = uniform(stream(self._seed, "jitter", symbol), moments)
        return (drawn * _JITTER_MS).astype(np.int64)


def hours_at(instrument: Instrument, now: int) -> int:
    """The rhythm that is in force now."""
    return max(
        (period for period in instrument.funding if period.since <= now),
        key=lambda period: period.since,
        default=instrument.funding[0],
    ).hours


def _schedule(venue: str, instrument: Instrument, start: int, end: int) -> tuple[Ints, Ints]:
    """Nominal moments in [start, end] and the hours that each pays for."""
    start = max(start, instrument.listing(venue) + 1)
    end = min(end, instrument.delisted if instrument.delisted is not None else FOREVER)
    periods = sorted(instrument.funding, key=lambda period: period.since)
    moments: list[Ints] = []
    hours: list[Ints] = []
    for place, period in enumerate(periods):
        step = period.hours * HOUR_MS
        # A settlement belongs to the rhythm in which its period ran: the change itself is the old.
        until = periods[place + 1].since if place + 1 < len(periods) else FOREVER
        since = start if place == 0 else max(start, period.since + 1)
        first = -(-since // step) * step
        found = np.arange(first, min(until, end) + 1, step, dtype=np.int64)
        moments.append(found)
        hours.append(np.full(found.size, period.hours, dtype=np.int64))
    return np.concatenate(moments), np.concatenate(hours)
