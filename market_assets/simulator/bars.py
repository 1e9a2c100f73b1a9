"""Blocks of candles: what one holds, why some are not there, and longer ones from minutes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from market_assets.simulator.intervals import HOUR_MINUTES, MINUTE_MS
from market_assets.simulator.noise import Ints


class Row(IntEnum):
    """The places of the numbers in a block."""

    OPEN = 0
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4
    QUOTE = 5
    TRADES = 6
    TAKER = 7
    TAKER_QUOTE = 8


class Why(IntEnum):
    """Whether a candle is there, or the reason why it is not."""

    PRESENT = 0
    LOST = 1
    NO_TRADE = 2
    OUTAGE = 3
    NOT_LISTED = 4
    ZOMBIE = 5  # after the delisting, but served all the same


@dataclass(frozen=True, slots=True)
class Series:
    """One instrument in one interval on one venue."""

    venue: str
    symbol: str
    minutes: int
    offset_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles of one interval in a row, one column each; `why` says which of them exist."""

    start_ms: int
    minutes: int
    values: Ints
    why: NDArray[np.uint8]

    def opens(self) -> Ints:
        count = self.why.shape[0]
        return self.start_ms + np.arange(count, dtype=np.int64) * (self.minutes * MINUTE_MS)

    def served(self) -> NDArray[np.bool_]:
        served: NDArray[np.bool_] = (self.why == Why.PRESENT) | (self.why == Why.ZOMBIE)
        return served


def aggregate(block: Bars, minutes: int) -> Bars:
    """Candles from minutes: first open, last close, extremes and sums of those that exist."""
    if minutes == 1:
        return block
    count = block.why.shape[0] // minutes
    shaped = block.values.reshape(len(Row), count, minutes)
    if not block.why.any():
        values = np.empty((len(Row), count), dtype=np.int64)
        values[Row.OPEN] = shaped[Row.OPEN, :, 0]
        values[Row.HIGH] = shaped[Row.HIGH].max(axis=1)
        values[Row.LOW] = shaped[Row.LOW].min(axis=1)
        values[Row.CLOSE] = shaped[Row.CLOSE, :, -1]
        values[Row.VOLUME :] = shaped[Row.VOLUME :].sum(axis=2)
        return Bars(block.start_ms, minutes, values, np.zeros(count, dtype=np.uint8))
    return _aggregate_some(block, shaped, minutes)


def _aggregate_some(block: Bars, shaped: Ints, minutes: int) -> Bars:
    """The same where some of the minutes do not exist."""
    count = shaped.shape[1]
    reasons = block.why.reshape(count, minutes)
    there = (reasons == Why.PRESENT) | (reasons == Why.LOST) | (reasons == Why.ZOMBIE)
    candles = np.arange(count)
    first = there.argmax(axis=1)
    last = minutes - 1 - there[:, ::-1].argmax(axis=1)
    values = np.empty((len(Row), count), dtype=np.int64)
    values[Row.OPEN] = shaped[Row.OPEN][candles, first]
    values[Row.CLOSE] = shaped[Row.CLOSE][candles, last]
    values[Row.HIGH] = np.where(there, shaped[Row.HIGH], 0).max(axis=1)
    values[Row.LOW] = np.where(there, shaped[Row.LOW], np.iinfo(np.int64).max).min(axis=1)
    values[Row.VOLUME :] = (shaped[Row.VOLUME :] * there).sum(axis=2)

    def some(reason: Why) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (reasons == reason).any(axis=1)
        return found

    why = np.full(count, Why.NOT_LISTED, dtype=np.uint8)
    why[some(Why.NO_TRADE)] = Why.NO_TRADE
    why[some(Why.OUTAGE)] = Why.OUTAGE
    why[some(Why.ZOMBIE)] = Why.ZOMBIE
    why[some(Why.PRESENT)] = Why.PRESENT
    why[some(Why.LOST)] = Why.LOST if minutes <= HOUR_MINUTES else Why.PRESENT
    return Bars(block.start_ms, minutes, values, why)
