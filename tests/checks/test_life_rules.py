"""The laws of silent symbols, dead symbols that print, and names that change hands."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scene_support import at, candle, candles, hours_of, listing, silent

from market_assets.checks.life_rules import delisted_printing, stale_symbol, ticker_reused
from market_assets.checks.policy import Policy
from market_assets.checks.scenes import CandleScene

LIMIT = Policy().stale_candles
few = settings(max_examples=60, deadline=None)


def ending(loud: int, quiet: int, **told: object) -> CandleScene:
    """So many candles with trades, then so many without."""
    rows = [candle(hour) for hour in range(loud)]
    return candles([*rows, *(silent(hour, **told) for hour in range(loud, loud + quiet))])


@few
@given(st.integers(0, 20), st.integers(0, 30))
def test_a_symbol_is_stale_when_so_many_of_its_last_candles_repeat_one_price(
    loud: int, quiet: int
) -> None:
    found = stale_symbol(ending(loud, quiet), Policy())
    assert bool(found) == (quiet >= LIMIT)
    for finding in found:
        assert (finding.value, hours_of(found)) == (quiet, list(range(loud, loud + quiet)))


def test_a_trade_a_move_or_a_range_breaks_the_silence() -> None:
    for told in ({"volume": 1.0}, {"num_trades": 1}, {"high": 101.0}, {"close": 101.0}):
        assert stale_symbol(ending(3, 20, num_trades=None), Policy())
        rows = [silent(hour) for hour in range(20)]
        rows[15] = silent(15, **told)
        assert not stale_symbol(candles(rows), Policy()), told


def test_silence_that_has_ended_is_not_told_anymore() -> None:
    rows = [silent(hour) for hour in range(20)]
    assert not stale_symbol(candles([*rows, candle(20)]), Policy())
    assert not stale_symbol(candles(rows, hours=(20, 30)), Policy()), "nothing of it is inside"


@few
@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(0, 60))
def test_a_symbol_is_stale_when_it_stops_so_long_before_another_of_the_venue(
    others: list[int], last: int
) -> None:
    elsewhere = [candle(h, symbol=f"COIN{n}USDT") for n, h in enumerate(others)]
    scene = candles([candle(0), candle(last), *elsewhere])
    found = [f for f in stale_symbol(scene, Policy()) if f.symbol == "BTCUSDT"]
    absent = list(range(last + 1, max(others) + 1))
    assert bool(found) == (len(absent) >= LIMIT)
    assert hours_of(found) == (absent if found else [])


def test_a_whole_venue_that_stops_makes_no_symbol_stale() -> None:
    both = [candle(hour, symbol=symbol) for hour in range(3) for symbol in ("AUSDT", "BUSDT")]
    assert not stale_symbol(candles(both), Policy())


def test_a_symbol_that_ends_or_that_the_venue_halts_may_fall_silent() -> None:
    rows = [candle(0), candle(40, symbol="ETHUSDT")]
    assert stale_symbol(candles(rows, listings=[listing()]), Policy())
    assert not stale_symbol(candles(rows, listings=[listing(delisted=1)]), Policy())
    assert not stale_symbol(candles(rows, listings=[listing(status="halted")]), Policy())
    assert not stale_symbol(
        candles([silent(hour) for hour in range(20)], listings=[listing(delisted=19)]), Policy()
    )
    announced = candles(rows, listings=[listing(delisted=20)])
    [finding] = stale_symbol(announced, Policy())
    assert hours_of([finding]) == list(range(1, 20)), "it is silent until its end"


def test_a_candle_from_the_future_makes_nobody_else_stale() -> None:
    rows = [candle(0), candle(40, symbol="ETHUSDT")]
    assert not stale_symbol(candles(rows, now=at(1)), Policy())


@few
@given(st.integers(0, 20), st.none() | st.integers(21, 40))
def test_what_opens_at_the_delisting_or_later_prints_dead_until_a_next_listing(
    ends: int, again: int | None
) -> None:
    known = [listing(-10, ends)] + ([listing(again)] if again is not None else [])
    found = delisted_printing(candles(map(candle, range(50)), listings=known), Policy())
    assert hours_of(found) == list(range(ends, again if again is not None else 50))
    assert len(found) == 1, "one finding for candles that follow each other"


def test_candles_of_two_symbols_and_those_apart_are_findings_of_their_own() -> None:
    rows = [candle(hour, symbol=symbol) for symbol in ("AUSDT", "BUSDT") for hour in (0, 1, 5)]
    known = [listing(-10, 0, symbol=symbol) for symbol in ("AUSDT", "BUSDT")]
    found = delisted_printing(candles(rows, listings=known), Policy())
    assert [(one.symbol, hours_of([one]), one.value) for one in found] == [
        (symbol, hours, len(hours)) for symbol in ("AUSDT", "BUSDT") for hours in ([0, 1], [5])
    ]
    begun = [candle(hour, symbol=f"{name}USDT") for name, hour in (("A", 0), ("B", 1))]
    assert len(delisted_printing(candles(begun, listings=known), Policy())) == 2


def test_what_was_learnt_last_of_a_listing_counts() -> None:
    """A delisting that was put off, and one that was told only afterwards."""
    rows = [candle(hour) for hour in range(10)]
    put_off = [listing(-10, 5), {**listing(-10, 8), "valid_from": listing(6)["listed_at"]}]
    assert hours_of(delisted_printing(candles(rows, listings=put_off), Policy())) == [8, 9]
    late = [listing(-10), {**listing(-10, 5), "valid_from": listing(9)["listed_at"]}]
    assert hours_of(delisted_printing(candles(rows, listings=late), Policy())) == [5, 6, 7, 8, 9]


def test_a_symbol_that_nobody_lists_and_one_of_another_venue_have_no_end() -> None:
    rows = [candle(hour) for hour in range(3)]
    assert not delisted_printing(candles(rows), Policy())
    assert not delisted_printing(candles(rows, listings=[]), Policy())
    elsewhere = [listing(-10, 0, venue="okx"), listing(-10, 0, symbol="ETHUSDT")]
    assert not delisted_printing(candles(rows, listings=elsewhere), Policy())


@few
@given(st.lists(st.integers(-30, 40), min_size=1, max_size=3, unique=True))
def test_what_opens_before_the_newest_of_several_listings_is_of_another_instrument(
    listed: list[int],
) -> None:
    rows = [candle(hour) for hour in range(30)]
    found = ticker_reused(candles(rows, listings=[listing(at) for at in listed]), Policy())
    older = [hour for hour in range(30) if hour < max(listed)]
    assert hours_of(found) == (older if len(listed) > 1 else [])


def test_the_candle_in_which_a_listing_begins_is_the_new_ones() -> None:
    scene = candles(map(candle, range(5)), listings=[listing(-10), listing(2.5)])
    assert hours_of(ticker_reused(scene, Policy())) == [0, 1]


@few
@given(st.integers(1, 5), st.sampled_from([0.1, 0.19, 0.21, 1.0, 4.9, 5.1, 50.0]))
def test_a_price_of_another_scale_after_a_gap_is_another_instrument(
    gap: int, factor: float
) -> None:
    scene = candles([candle(0, 100.0), candle(gap, 100.0 * factor)])
    reused = gap > 1 and not 0.2 <= factor <= 5
    assert hours_of(ticker_reused(scene, Policy())) == ([gap] if reused else [])


def test_a_price_of_another_scale_at_a_listing_needs_no_gap() -> None:
    rows = [candle(0, 100.0), candle(1, 1.0)]
    assert not ticker_reused(candles(rows), Policy())
    [finding] = ticker_reused(candles(rows, listings=[listing(1.5)]), Policy())
    assert (finding.value, finding.threshold) == (100.0, 5.0)
