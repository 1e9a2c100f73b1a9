"""The robust scores, once more value by value, and what must not change them."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_support import Row, at, candle, candles, hours_of

from market_assets.checks import anomalies
from market_assets.checks.policy import Policy
from market_assets.checks.scenes import CandleScene
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, INTERVALS, Window

POLICY = Policy(anomaly_days=7, anomaly_least=2, anomaly_score=3.0)
few = settings(max_examples=30, deadline=None)
DAYS = 9


@st.composite
def histories(draw: st.DrawFn, interval: str = "4h") -> list[Row]:
    """Nine days of candles with some absent, prices that wander, volumes from none to many."""
    step = INTERVALS[interval] // HOUR_MS
    numbers = draw(st.randoms(use_true_random=False))
    rows, close = [], 100.0
    for hour in range(0, 24 * DAYS, step):
        close *= math.exp(numbers.choice((-0.05, -0.01, 0.0, 0.01, 0.02)))
        volume = numbers.choice((0.0, 1.0, 2.0, 3.0, 5.0, 900.0))
        if numbers.random() > 0.1:
            rows.append(candle(hour, close, volume=volume, interval=interval))
    return rows


def expected(value: float | None, before: list[float], least: int) -> float:
    """Distance from the median in 1.4826 median distances; NaN where it has no meaning."""
    if value is None or len(before) < least:
        return math.nan
    median = statistics.median(before)
    deviation = 1.4826 * statistics.median(abs(one - median) for one in before)
    return (value - median) / deviation if deviation > 1e-12 else math.nan


def again(rows: list[Row], interval: str) -> tuple[list[float], list[float]]:
    """Return and volume score of every row, one by one."""
    step = INTERVALS[interval] // HOUR_MS
    hour_of = [round((row["timestamp"].timestamp() * 1000 - at(0)) / HOUR_MS) for row in rows]
    closes = {h: row["close"] for h, row in zip(hour_of, rows, strict=True)}
    moves = {h: math.log(c / closes[h - step]) for h, c in closes.items() if h - step in closes}
    volumes = {
        h: math.log(row["volume"]) for h, row in zip(hour_of, rows, strict=True) if row["volume"]
    }

    def days_before(told: dict[int, float], hour: int) -> list[tuple[int, float]]:
        first = (hour // 24 - POLICY.anomaly_days) * 24
        return [(h, value) for h, value in told.items() if first <= h < hour // 24 * 24]

    returns = [
        expected(
            moves.get(hour),
            [value for _, value in days_before(moves, hour)],
            POLICY.anomaly_least * 24 // step,
        )
        for hour in hour_of
    ]
    amounts = [
        expected(
            volumes.get(hour),
            [value for h, value in days_before(volumes, hour) if h % 24 == hour % 24],
            POLICY.anomaly_least,
        )
        for hour in hour_of
    ]
    return returns, amounts


def scores(scene: CandleScene) -> tuple[list[float], list[float]]:
    return (
        anomalies.return_scores(scene, POLICY).tolist(),
        anomalies.volume_scores(scene, POLICY).tolist(),
    )


@few
@given(st.data(), st.sampled_from(["1h", "4h", "12h", "1d"]))
def test_the_scores_are_those_of_the_definition(data: st.DataObject, interval: str) -> None:
    rows = data.draw(histories(interval))
    found = scores(candles(rows, interval=interval))
    for mine, other in zip(found, again(rows, interval), strict=True):
        assert mine == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True)


def test_an_hour_of_day_takes_all_its_candles_where_they_are_shorter() -> None:
    """Quarters of an hour: 00:00 to 00:45 of two days are eight volumes."""
    usual = [
        candle(24 * day + quarter / 4, volume=float(2**quarter), interval="15m")
        for day in range(2)
        for quarter in range(4)
    ]
    unlike = candle(48.25, volume=2.0**9, interval="15m")
    logs = [quarter * math.log(2) for quarter in range(4)] * 2
    found = scores(candles([*usual, unlike], interval="15m"))[1][-1]
    assert found == pytest.approx(expected(9 * math.log(2), logs, 8))
    assert math.isnan(scores(candles([*usual[1:], unlike], interval="15m"))[1][-1]), "too few"


@few
@given(histories(), st.sampled_from([0.001, 7.0, 1e6]))
def test_scores_do_not_know_the_unit_of_price_and_volume(rows: list[Row], unit: float) -> None:
    scaled = [
        {**row, **{name: row[name] * unit for name in ("open", "high", "low", "close", "volume")}}
        for row in rows
    ]
    for mine, other in zip(scores(candles(rows)), scores(candles(scaled)), strict=True):
        assert mine == pytest.approx(other, rel=1e-6, abs=1e-6, nan_ok=True)


@few
@given(histories(), st.integers(5, DAYS))
def test_a_score_is_the_same_before_its_day_is_over(rows: list[Row], day: int) -> None:
    """What comes on the same day or later changes nothing; nor does it have to look further back
    than the policy says."""
    scene = candles(rows, hours=(24 * day - 24, 24 * day), interval="4h")
    first = scene.window.start - POLICY.look_back_ms(INTERVALS["4h"])
    asked = [
        row for row in rows if first <= round(row["timestamp"].timestamp() * 1000) < at(24 * day)
    ]
    alone = candles(asked, hours=(24 * day - 24, 24 * day), interval="4h")
    count = int(scene.rows.inside.sum())
    assert int(alone.rows.inside.sum()) == count
    for mine, other in zip(scores(scene), scores(alone), strict=True):
        assert mine[len(mine) - count :] == pytest.approx(other[len(other) - count :], nan_ok=True)


@few
@given(histories())
def test_an_anomaly_is_a_score_above_the_limit_either_way(rows: list[Row]) -> None:
    scene = replace(candles(rows, interval="4h"), window=Window(at(0), at(0) + DAYS * DAY_MS))
    for rule, told in zip(
        (anomalies.return_anomaly, anomalies.volume_anomaly), scores(scene), strict=True
    ):
        found = rule(scene, POLICY)
        times = [
            t for t, score in zip(scene.rows.times.tolist(), told, strict=True) if abs(score) > 3
        ]
        assert [finding.at_ms for finding in found] == times
        assert all(f.value is not None and f.value > 3 == f.threshold for f in found)


def test_a_price_that_stood_still_for_days_has_no_score_when_it_moves() -> None:
    rows: list[Any] = [candle(hour, 100.0) for hour in range(24 * 6)]
    scene = candles([*rows, candle(24 * 6, 110.0)])
    assert math.isnan(scores(scene)[0][-1])
    assert hours_of(anomalies.return_anomaly(scene, POLICY)) == []


def test_a_scene_reaches_back_to_the_candle_before_the_first_day_that_is_compared_with() -> None:
    """From the last hour of a day it is a day further to the days before."""
    for interval in ("1h", "4h"):
        step = INTERVALS[interval]
        last_candle, first_day = DAY_MS - step, -30 * DAY_MS
        assert last_candle - Policy().look_back_ms(step) <= first_day - step
