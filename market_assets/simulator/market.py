"""The market that all venues show: a pure function of (seed, venue, symbol, minute).

Everything is whole numbers (prices in ticks, sizes in lots, turnover in ticks times lots), so the
candles of any interval are exactly the sum of their minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market_assets.simulator.bars import Bars, Row, Series, Why, aggregate
from market_assets.simulator.cache import BlockCache
from market_assets.simulator.config import Correction, FaultsConfig
from market_assets.simulator.defects import Defects, Hour, minutes_of
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import (
    DAY_MINUTES,
    DAY_MS,
    HOUR_MINUTES,
    HOUR_MS,
    MINUTE_MS,
    floor_to,
)
from market_assets.simulator.manners import MANNERS
from market_assets.simulator.noise import Floats, Ints, smooth, smooth_at, stream, uniform

# The level wanders on all scales from a minute to most of a year, like a random walk would.
_SCALES: Final = (1, 5, 20, 60, 240, 1_440, 5_760, 23_040, 92_160, 368_640)
_WANDER: Final = 0.6
# A venue's own price differs by a few hundredths of a percent at most (bounded noise).
_SPREAD_SLOW: Final = 0.00012
_SPREAD_FAST: Final = 0.00002
_TRADES_A_MINUTE: Final = 300.0
_WHY_OF_HOUR: Final = np.array([Why.PRESENT, Why.NO_TRADE, Why.LOST, Why.PRESENT], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a day is like on every venue: the level at each minute's edge, and the activity."""

    level: Floats
    wick_up: Floats
    wick_down: Floats
    activity: Floats


class Market:
    """Makes minutes and their aggregates on demand, and remembers the recent ones."""

    def __init__(
        self, seed: int, instruments: tuple[Instrument, ...], faults: FaultsConfig
    ) -> None:
        self.instruments: Mapping[str, Instrument] = {item.symbol: item for item in instruments}
        self.defects = Defects(seed, faults)
        self._seed = seed
        self._zombies = faults.zombie_candles
        self._shared: BlockCache[_Shared] = BlockCache(64)
        self._minutes: BlockCache[Bars] = BlockCache(128)
        self._bars: BlockCache[Bars] = BlockCache(400_000)

    def bars(self, series: Series, day: int, now: int) -> Bars:
        """The candles that open on a day (shifted by the offset), closed or not."""
        key = (series, day, self.active_corrections(series, day, now))
        found = self._bars.get(key)
        if found is not None:
            return found
        start = day * DAY_MINUTES + series.offset_minutes
        block = self.minutes(series.venue, series.symbol, start, DAY_MINUTES, now)
        return self._bars.put(key, aggregate(block, series.minutes), DAY_MINUTES // series.minutes)

    def active_corrections(self, series: Series, day: int, now: int) -> tuple[Correction, ...]:
        """What has been corrected by now in the candles that open on a day."""
        active = self.defects.corrections(series.venue, series.symbol, day, now)
        if series.offset_minutes:
            active += self.defects.corrections(series.venue, series.symbol, day - 1, now)
        return active

    def minutes(self, venue: str, symbol: str, start_minute: int, count: int, now: int) -> Bars:
        """A run of minutes, counted since 1970."""
        end = start_minute + count
        pieces: list[Bars] = []
        for day in range(start_minute // DAY_MINUTES, -(-end // DAY_MINUTES)):
            block = self._day(venue, symbol, day, now)
            first = max(start_minute - day * DAY_MINUTES, 0)
            last = min(end - day * DAY_MINUTES, DAY_MINUTES)
            pieces.append(
                Bars(0, 1, block.values[:, first:last], block.why[first:last])
                if last - first < DAY_MINUTES
                else block
            )
        start_ms = start_minute * MINUTE_MS
        if len(pieces) == 1:
            return Bars(start_ms, 1, pieces[0].values, pieces[0].why)
        values = np.concatenate([piece.values for piece in pieces], axis=1)
        return Bars(start_ms, 1, values, np.concatenate([piece.why for piece in pieces]))

    def open_candle(self, series: Series, now: int) -> Bars:
        """The one candle which is being made now, as far as it has come."""
        minutes = series.minutes
        start_minute = floor_to(now, minutes, series.offset_minutes) // MINUTE_MS
        count = now // MINUTE_MS - start_minute + 1
        block = self.minutes(series.venue, series.symbol, start_minute, count, now)
        values = block.values.copy()
        values[:, -1] = _part_of_minute(values[:, -1], now % MINUTE_MS)
        whole = aggregate(Bars(block.start_ms, 1, values, block.why), count)
        why = whole.why
        if minutes > HOUR_MINUTES:  # only rows up to an hour get lost
            why = np.where(why == Why.LOST, np.uint8(Why.PRESENT), why)
        elif (block.why == Why.LOST).any():
            why = np.full_like(why, Why.LOST)
        return Bars(block.start_ms, minutes, whole.values, why)

    def prices_at(self, venue: str, symbol: str, moments_ms: Ints) -> Floats:
        """The price at the last full minute before each moment, unrounded."""
        minutes = moments_ms // MINUTE_MS
        volatility = self.instruments[symbol].volatility
        level = np.full(minutes.shape, np.log(self.instruments[symbol].price))
        for scale in _SCALES:
            key = stream(self._seed, "level", symbol, scale)
            level += volatility * scale**0.5 * _WANDER * smooth_at(key, scale, minutes)
        slow = smooth_at(stream(self._seed, "spread", venue, symbol), 60, minutes)
        prices: Floats = np.exp(level + _SPREAD_SLOW * slow)
        return prices

    def price_at(self, venue: str, symbol: str, moment_ms: int) -> float:
        return float(self.prices_at(venue, symbol, np.array([moment_ms]))[0])

    def first_candle(self, series: Series) -> int:
        """Where the candle opens that holds the listing."""
        listing = self.instruments[series.symbol].listing(series.venue)
        return floor_to(listing, series.minutes, series.offset_minutes)

    def last_moment(self, symbol: str, now: int) -> int:
        """After this moment there are no rows: now, or the delisting."""
        delisted = self.instruments[symbol].delisted
        if delisted is None or self._zombies:
            return now
        return min(now, delisted - 1)

    def _day(self, venue: str, symbol: str, day: int, now: int) -> Bars:
        active = self.defects.corrections(venue, symbol, day, now)
        key = (venue, symbol, day, active)
        found = self._minutes.get(key)
        if found is not None:
            return found
        instrument = self.instruments[symbol]
        if (day + 1) * DAY_MS <= instrument.listing(venue):
            # Nothing to make; and nothing to remember, however far back somebody asks.
            nothing = np.zeros((len(Row), DAY_MINUTES), dtype=np.int64)
            unlisted = np.full(DAY_MINUTES, Why.NOT_LISTED, dtype=np.uint8)
            return Bars(day * DAY_MS, 1, nothing, unlisted)
        values = self._traded(venue, instrument, day)
        for item in active:
            _correct(values, (item.hour % DAY_MS) // MINUTE_MS + HOUR_MINUTES - 1, item.factor)
        why = self._why(venue, instrument, day, values)
        return self._minutes.put(key, Bars(day * DAY_MS, 1, values, why), 1)

    def _traded(self, venue: str, instrument: Instrument, day: int) -> Ints:
        """The day as it would be if everything was in order."""
        symbol = instrument.symbol
        shared = self._shared_day(instrument, day)
        start = day * DAY_MINUTES
        edges = np.exp(shared.level + self._spread(venue, symbol, start, DAY_MINUTES + 1))
        edges *= 10.0**instrument.price_decimals
        opens, closes = edges[:-1], edges[1:]
        factors = self.defects.factors(venue, symbol, day)
        if factors is not None:
            opens, closes = opens * factors, closes * factors
        values = np.empty((len(Row), DAY_MINUTES), dtype=np.int64)
        first = np.maximum(np.rint(opens), 1.0)
        last = np.maximum(np.rint(closes), 1.0)
        top, bottom = np.maximum(first, last), np.minimum(first, last)
        values[Row.OPEN] = first
        values[Row.CLOSE] = last
        values[Row.HIGH] = np.rint(top * (1.0 + shared.wick_up))
        values[Row.LOW] = np.maximum(np.rint(bottom * (1.0 - shared.wick_down)), 1.0)
        own = uniform(stream(self._seed, "own", venue, symbol), _minutes_from(start, DAY_MINUTES))
        activity = shared.activity * (0.7 + 0.6 * own) * MANNERS[venue].volume_share
        lots = instrument.minute_volume * 10.0 ** instrument.volume_decimals(venue)
        volume = np.maximum(np.rint(activity * lots), 1.0)
        values[Row.VOLUME] = volume
        values[Row.TRADES] = np.minimum(1.0 + np.rint(activity * _TRADES_A_MINUTE), volume)
        buying = uniform(
            stream(self._seed, "taker", venue, symbol), _minutes_from(start, DAY_MINUTES)
        )
        values[Row.TAKER] = np.floor(volume * (0.3 + 0.4 * buying))
        mean = (values[Row.HIGH] + values[Row.LOW] + values[Row.OPEN] + values[Row.CLOSE]) // 4
        values[Row.QUOTE] = mean * values[Row.VOLUME]
        values[Row.TAKER_QUOTE] = mean * values[Row.TAKER]
        return values

    def _why(self, venue: str, instrument: Instrument, day: int, values: Ints) -> NDArray[np.uint8]:
        """Which minutes exist; flat ones are made flat in `values` on the way."""
        symbol = instrument.symbol
        states = self.defects.hours(venue, symbol, day * 24, 24)
        listing = instrument.listing(venue)
        for hour in np.flatnonzero(states == Hour.FLAT).tolist():
            since = self.defects.flat_since(venue, symbol, day * 24 + hour, listing // HOUR_MS)
            price = self._last_close(venue, instrument, since * HOUR_MINUTES)
            _flatten(values, hour * HOUR_MINUTES, (hour + 1) * HOUR_MINUTES, price)
        why: NDArray[np.uint8] = minutes_of(_WHY_OF_HOUR[states])
        out = self.defects.outage_minutes(venue, day)
        if out is not None:
            why[out] = Why.OUTAGE
        unlisted = min(max(-(-(listing - day * DAY_MS) // MINUTE_MS), 0), DAY_MINUTES)
        # A listing within a minute: that minute is the first one.
        if unlisted > 0 and listing % MINUTE_MS and listing // DAY_MS == day:
            unlisted -= 1
        why[:unlisted] = Why.NOT_LISTED
        if instrument.delisted is not None:
            ended = min(max((instrument.delisted - day * DAY_MS) // MINUTE_MS, 0), DAY_MINUTES)
            why[ended:] = Why.ZOMBIE if self._zombies else Why.NOT_LISTED
            if self._zombies and ended < DAY_MINUTES:
                price = self._last_close(venue, instrument, instrument.delisted // MINUTE_MS)
                _flatten(values, ended, DAY_MINUTES, price)
        return why

    def _last_close(self, venue: str, instrument: Instrument, minute: int) -> int:
        """The close, in ticks, of the minute before this one."""
        symbol = instrument.symbol
        edge = np.exp(self._level(symbol, minute, 1) + self._spread(venue, symbol, minute, 1))
        before = minute - 1
        factors = self.defects.factors(venue, symbol, before // DAY_MINUTES)
        factor = 1.0 if factors is None else float(factors[before % DAY_MINUTES])
        return max(round(float(edge[0]) * 10.0**instrument.price_decimals * factor), 1)

    def _shared_day(self, instrument: Instrument, day: int) -> _Shared:
        symbol = instrument.symbol
        found = self._shared.get((symbol, day))
        if found is not None:
            return found
        start = day * DAY_MINUTES
        minutes = _minutes_from(start, DAY_MINUTES)
        seed = self._seed
        swing = 0.5 * instrument.volatility
        up = uniform(stream(seed, "up", symbol), minutes)
        down = uniform(stream(seed, "down", symbol), minutes)
        busy = 0.5 * smooth(stream(seed, "busy", symbol), 240, start, DAY_MINUTES)
        busy += 0.4 * smooth(stream(seed, "burst", symbol), 1, start, DAY_MINUTES)
        block = _Shared(
            level=self._level(symbol, start, DAY_MINUTES + 1),
            wick_up=-swing * np.log1p(-up),
            wick_down=-swing * np.log1p(-down),
            activity=np.exp(busy - 0.2),
        )
        return self._shared.put((symbol, day), block, 1)

    def _level(self, symbol: str, start_minute: int, count: int) -> Floats:
        """The logarithm of everybody's price at the opening of each minute."""
        instrument = self.instruments[symbol]
        level = np.full(count, np.log(instrument.price))
        for scale in _SCALES:
            key = stream(self._seed, "level", symbol, scale)
            amplitude = instrument.volatility * scale**0.5 * _WANDER
            level += amplitude * smooth(key, scale, start_minute, count)
        return level

    def _spread(self, venue: str, symbol: str, start_minute: int, count: int) -> Floats:
        slow = smooth(stream(self._seed, "spread", venue, symbol), 60, start_minute, count)
        fast = smooth(stream(self._seed, "flicker", venue, symbol), 1, start_minute, count)
        spread: Floats = _SPREAD_SLOW * slow + _SPREAD_FAST * fast
        return spread


def _part_of_minute(minute: Ints, elapsed_ms: int) -> Ints:
    """A minute as it stands `elapsed_ms` after it began: on its way from open to close."""
    part = minute.copy()
    share = elapsed_ms / MINUTE_MS
    opened = int(minute[Row.OPEN])
    close = opened + int((int(minute[Row.CLOSE]) - opened) * share)
    high = opened + int((int(minute[Row.HIGH]) - opened) * share)
    low = opened + int((int(minute[Row.LOW]) - opened) * share)
    part[Row.CLOSE] = close
    part[Row.HIGH] = max(high, close, opened)
    part[Row.LOW] = min(low, close, opened)
    whole = int(minute[Row.VOLUME])
    volume = int(whole * share)
    mean = int(minute[Row.QUOTE]) // whole if whole else 0
    taker = min(int(int(minute[Row.TAKER]) * share), volume)
    part[Row.VOLUME] = volume
    part[Row.QUOTE] = mean * volume
    part[Row.TRADES] = min(max(int(int(minute[Row.TRADES]) * share), 1), volume)
    part[Row.TAKER] = taker
    part[Row.TAKER_QUOTE] = mean * taker
    return part


def _flatten(values: Ints, first: int, last: int, price: int) -> None:
    values[Row.OPEN : Row.CLOSE + 1, first:last] = price
    values[Row.VOLUME :, first:last] = 0


def _correct(values: Ints, minute: int, factor: float) -> None:
    close = max(round(int(values[Row.CLOSE, minute]) * factor), 1)
    values[Row.CLOSE, minute] = close
    values[Row.HIGH, minute] = max(int(values[Row.HIGH, minute]), close)
    values[Row.LOW, minute] = min(int(values[Row.LOW, minute]), close)


def _minutes_from(start: int, count: int) -> Ints:
    return np.arange(start, start + count, dtype=np.int64)
