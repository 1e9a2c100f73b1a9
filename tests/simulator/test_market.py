"""The market as numbers: exact aggregates, no memory, venues close to each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.simulator.bars import Row, Series, Why
from market_assets.simulator.config import SimulatorConfig
from market_assets.simulator.intervals import MINUTES
from market_assets.simulator.market import Market

CONFIG = SimulatorConfig.from_mapping(
    {"faults": {"no_trade_rate": 0.05, "lost_rate": 0.05, "flat_rate": 0.05}}
)
MARKET = Market(CONFIG.seed, CONFIG.instruments, CONFIG.faults)
CALM = SimulatorConfig()
NOW = 4_000_000_000_000
DAY_2026 = 20_454

symbols = st.sampled_from([item.symbol for item in CONFIG.instruments])
venues = st.sampled_from(["binance", "okx", "aster"])
days = st.integers(18_262, 20_700)


@settings(max_examples=50, deadline=None)
@given(venues, symbols, days, st.sampled_from(sorted(MINUTES)), st.sampled_from([0, -480]))
def test_a_candle_of_any_interval_is_exactly_its_minutes(
    venue: str, symbol: str, day: int, interval: str, offset: int
) -> None:
    length = MINUTES[interval]
    bars = MARKET.bars(Series(venue, symbol, length, offset), day, NOW)
    minutes = MARKET.minutes(venue, symbol, day * 1440 + offset, 1440, NOW)
    for place, why in enumerate(bars.why.tolist()):
        part = slice(place * length, (place + 1) * length)
        there = np.isin(minutes.why[part], [Why.PRESENT, Why.LOST])
        if why != Why.PRESENT:
            lost = (minutes.why[part] == Why.LOST).any() and length <= 60
            assert not there.any() or lost
            continue
        mine = minutes.values[:, part][:, there]
        candle = bars.values[:, place]
        assert candle[Row.OPEN] == mine[Row.OPEN, 0]
        assert candle[Row.CLOSE] == mine[Row.CLOSE, -1]
        assert candle[Row.HIGH] == mine[Row.HIGH].max()
        assert candle[Row.LOW] == mine[Row.LOW].min()
        for row in (Row.VOLUME, Row.QUOTE, Row.TRADES, Row.TAKER, Row.TAKER_QUOTE):
            assert candle[row] == mine[row].sum()


@settings(max_examples=40, deadline=None)
@given(venues, symbols, days)
def test_every_minute_is_a_possible_candle(venue: str, symbol: str, day: int) -> None:
    block = MARKET.minutes(venue, symbol, day * 1440, 1440, NOW)
    values = block.values[:, np.isin(block.why, [Why.PRESENT, Why.LOST])]
    opened, high, low, close = values[: Row.VOLUME]
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (low > 0).all()
    assert (values[Row.TAKER] <= values[Row.VOLUME]).all()
    assert (values[Row.QUOTE] <= high * values[Row.VOLUME]).all()
    assert (values[Row.QUOTE] >= (low - 1) * values[Row.VOLUME]).all()
    assert ((values[Row.TRADES] > 0) == (values[Row.VOLUME] > 0)).all()


def test_the_same_minute_is_the_same_in_whatever_order_it_is_asked_for() -> None:
    forward = Market(7, CALM.instruments, CALM.faults)
    backward = Market(7, CALM.instruments, CALM.faults)
    span = range(DAY_2026, DAY_2026 + 5)
    first = {day: forward.bars(Series("okx", "ETHUSDT", 60), day, NOW).values for day in span}
    for day in reversed(span):
        again = backward.bars(Series("okx", "ETHUSDT", 60), day, NOW).values
        assert (again == first[day]).all()


def test_another_seed_is_another_market() -> None:
    one, two = (Market(seed, CALM.instruments, CALM.faults) for seed in (1, 2))
    series = Series("binance", "BTCUSDT", 60)
    assert (one.bars(series, DAY_2026, NOW).values != two.bars(series, DAY_2026, NOW).values).any()


def test_a_minute_opens_where_the_one_before_closed_even_across_midnight() -> None:
    market = Market(1, CALM.instruments, CALM.faults)
    block = market.minutes("binance", "BTCUSDT", DAY_2026 * 1440, 3 * 1440, NOW)
    assert (block.values[Row.OPEN, 1:] == block.values[Row.CLOSE, :-1]).all()


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "1000PEPEUSDT"])
def test_venues_stay_within_ten_basis_points_of_each_other(symbol: str) -> None:
    market = Market(1, CALM.instruments, CALM.faults)
    closes = [
        market.minutes(venue, symbol, DAY_2026 * 1440, 14_400, NOW).values[Row.CLOSE]
        for venue in ("binance", "okx", "aster")
    ]
    widest = np.max(closes, axis=0) / np.min(closes, axis=0) - 1.0
    assert 0.0 < widest.max() < 0.0010
    assert not (closes[0] == closes[1]).all()


def test_prices_are_of_a_realistic_size() -> None:
    market = Market(1, CALM.instruments, CALM.faults)
    for item in CALM.instruments:
        close = market.price_at("binance", item.symbol, DAY_2026 * 86_400_000)
        assert item.price / 6 < close < item.price * 6
