"""The law of each rule about a candle's numbers, written once more row by row in plain Python."""

from __future__ import annotations

import statistics
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scene_support import FOREVER, Row, at, candle, candles, hours_of, silent

from market_assets.checks import candle_rules
from market_assets.checks.policy import Policy

WEEK = 24 * 7
POLICY = Policy(volume_z_score=3.0, flat_run_candles=3)
few = settings(max_examples=60, deadline=None)


@st.composite
def times(draw: st.DrawFn, least: int = 1, most: int = 40) -> list[int]:
    """Hours in order, mostly one after the other, with short and long gaps."""
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 30, 170]), min_size=least, max_size=most))
    return list(accumulate(gaps))


def rows_of(hours: list[int], closes: list[int], volumes: list[int] | None = None) -> list[Row]:
    volumes = volumes or [10] * len(hours)
    return [
        candle(hour, float(close), volume=float(volume))
        for hour, close, volume in zip(hours, closes, volumes, strict=False)
    ]


prices = st.lists(st.sampled_from([90, 100, 110, 119, 121, 150, 2000, 5]), min_size=40, max_size=40)


@few
@given(st.lists(st.integers(0, 90), min_size=1, max_size=20, unique=True), st.integers(0, 90))
def test_off_grid_are_the_open_times_between_hours_and_those_after_now(
    quarters: list[int], now: int
) -> None:
    scene = candles([candle(q / 4) for q in quarters], now=at(now / 4))
    found = candle_rules.off_grid(scene, POLICY)
    wrong = sorted(q for q in quarters if q % 4 or q > now)
    assert [finding.at_ms for finding in found] == [at(q / 4) for q in wrong]


@few
@given(*(st.sampled_from([-1.0, 0.0, 1.0, 2.0, 3.0]) for _ in range(5)))
def test_ohlc_is_consistent_if_the_range_holds_open_and_close_above_0(
    opened: float, high: float, low: float, close: float, volume: float
) -> None:
    row = candle(0, open=opened, high=high, low=low, close=close, volume=volume)
    consistent = 0 < low <= min(opened, close) and max(opened, close) <= high and volume >= 0
    assert (candle_rules.ohlc_inconsistent(candles([row]), POLICY) == []) == consistent


@few
@given(times(), prices)
def test_a_price_is_out_of_range_if_ten_times_away_from_the_mean_of_the_week_before(
    hours: list[int], closes: list[int]
) -> None:
    scene = candles(rows_of(hours, closes))
    wrong = []
    for hour, close in zip(hours, closes, strict=False):
        before = [c for h, c in zip(hours, closes, strict=False) if hour - WEEK <= h < hour]
        mean = sum(before) / len(before) if before else None
        if mean is not None and (close > mean * 10 or close < mean / 10):
            wrong.append(hour)
    assert hours_of(candle_rules.price_out_of_range(scene, POLICY)) == wrong


@few
@example([0, WEEK, 2 * WEEK + 1], [100, 150, 100])
@given(times(), prices)
def test_a_jump_is_a_move_of_more_than_20_percent_from_a_close_of_the_last_week(
    hours: list[int], closes: list[int]
) -> None:
    scene = candles(rows_of(hours, closes))
    steps = zip(hours, hours[1:], closes, closes[1:], strict=False)
    wrong = [h for g, h, c, d in steps if h - g <= WEEK and abs(d / c - 1) > 0.2]
    assert hours_of(candle_rules.price_jump(scene, POLICY)) == wrong


@few
@given(
    times(30, 60),
    st.lists(st.sampled_from([5, 9, 10, 10, 11, 40, 10**7]), min_size=60, max_size=60),
    st.sampled_from([0.25, 1.0, 1024.0]),
)
def test_a_volume_is_an_outlier_by_its_deviations_from_the_week_before_in_whatever_unit(
    hours: list[int], volumes: list[int], unit: float
) -> None:
    scene = candles([candle(h, volume=v * unit) for h, v in zip(hours, volumes, strict=False)])
    wrong = []
    for hour, volume in zip(hours, volumes, strict=False):
        before = [v for h, v in zip(hours, volumes, strict=False) if hour - WEEK <= h < hour]
        if len(before) >= 24 and len(set(before)) > 1:
            score = (volume - statistics.fmean(before)) / statistics.stdev(before)
            wrong += [hour] * (abs(score) > 3)
    assert hours_of(candle_rules.volume_outlier(scene, POLICY)) == wrong


def test_a_price_after_one_that_dwarfs_it_is_compared_without_losing_digits() -> None:
    spike = candles([candle(0, 1e300), *(candle(hour, 1e-5) for hour in range(1, 400))])
    found = hours_of(candle_rules.price_out_of_range(spike, Policy()))
    assert found == list(range(1, WEEK + 1)), "as long as the spike is in the week before"


def test_a_volume_after_one_that_dwarfs_it_is_scored_without_losing_digits() -> None:
    """Sums of squares of the whole series hold 1e20 here; distances from the week's own mean, 1e4
    in all, would be rounded to many times as much."""
    quiet = [candle(hour, volume=100.0) for hour in range(400)]
    usual = [candle(hour, volume=9109.0 + hour % 2 * 20) for hour in range(400, 600)]
    last = candle(600, volume=9219.0)
    scene = candles([candle(-1, volume=1e10), *quiet, *usual, last], hours=(600, 601))
    [finding] = candle_rules.volume_outlier(scene, Policy())
    before = [9109.0 + hour % 2 * 20 for hour in range(600 - WEEK, 600)]
    expected = (last["volume"] - statistics.fmean(before)) / statistics.stdev(before)
    assert finding.value == pytest.approx(expected, rel=1e-9)


closes_of_venues = st.lists(
    st.tuples(*(st.none() | st.sampled_from([100.0, 104.0, 106.0, 112.0, 0.0]) for _ in range(3))),
    min_size=1,
    max_size=8,
)


@few
@given(closes_of_venues)
def test_a_close_diverges_if_even_the_nearest_other_venue_is_more_than_5_percent_away(
    told: list[tuple[float | None, ...]],
) -> None:
    mine, *theirs = (
        [candle(hour, row[venue]) for hour, row in enumerate(told) if row[venue] is not None]
        for venue in range(3)
    )
    scene = candles(
        mine, others={"okx": theirs[0], "aster": theirs[1], "binance": [candle(0, 1.0)]}
    )
    wrong = []
    for hour, (own, *beside) in enumerate(told):
        pairs = [sorted((own, o)) for o in beside if own is not None and o is not None]
        apart = [high / low - 1 for low, high in pairs if low > 0]
        wrong += [hour] * (bool(apart) and min(apart) > 0.05)
    assert hours_of(candle_rules.cross_venue_divergence(scene, POLICY)) == wrong


@few
@given(times(), st.lists(st.booleans(), min_size=40, max_size=40), st.integers(2, 5))
def test_a_flat_run_begins_to_count_at_the_last_candle_that_it_needs(
    hours: list[int], quiet: list[bool], least: int
) -> None:
    shown = dict(zip(hours, quiet, strict=False))
    scene = candles([silent(h) if flat else candle(h) for h, flat in shown.items()])
    found = candle_rules.flat_run(scene, Policy(flat_run_candles=least))
    wrong = [h for h in hours if all(shown.get(h - back, False) for back in range(least))]
    assert hours_of(found) == wrong
    for finding in found:
        end = (finding.until_ms - at(0)) // 3_600_000
        assert finding.value is not None
        length = int(finding.value)
        assert all(shown.get(end - 1 - back, False) for back in range(length))
        assert not shown.get(end - 1 - length, False), "the whole run is told"


def test_a_candle_of_one_price_with_volume_is_not_flat_nor_one_with_a_range() -> None:
    traded = candles([candle(hour) for hour in range(5)])
    ranged = candles([silent(hour, high=101.0) for hour in range(5)])
    assert candle_rules.flat_run(traded, POLICY) == []
    assert candle_rules.flat_run(ranged, POLICY) == []


def test_other_intervals_have_their_own_grid_and_their_own_next_candle() -> None:
    quarters = [silent(n / 4, interval="15m") for n in range(4)]
    scene = candles(quarters, interval="15m", now=FOREVER)
    assert candle_rules.off_grid(scene, POLICY) == []
    [finding] = candle_rules.flat_run(scene, POLICY)
    assert (finding.at_ms, finding.until_ms, finding.value) == (at(0.5), at(1), 4.0)
