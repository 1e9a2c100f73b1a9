"""What holds for every rule: in any order, with any gap, with nonsense inside, at any time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scene_support import FOREVER, Row, at, candle, candles, listing, settlement, settlements

from market_assets.checks.findings import Finding
from market_assets.checks.policy import Policy
from market_assets.checks.registry import judge_candles, judge_funding
from market_assets.checks.scenes import CandleScene
from market_assets.schemas.timeline import DAY_MS, Window

POLICY = Policy(
    volume_z_score=2.0, stale_candles=4, anomaly_days=3, anomaly_least=1, anomaly_score=2.0
)
few = settings(max_examples=40, deadline=None)
LISTINGS = [listing(-10, 30), listing(60), listing(-10, 70, symbol="ETHUSDT")]

wild = st.sampled_from(
    [None, 0.0, -1.0, 99.0, 100.0, 130.0, 1e-300, 1e300, float("nan"), float("inf")]
)
rows = st.lists(
    st.builds(
        lambda hour, symbol, close, volume, high: candle(
            hour, close, symbol=symbol, volume=volume, high=high, num_trades=None
        ),
        st.integers(0, 96) | st.sampled_from([0.5, 90.25]),
        st.sampled_from(["BTCUSDT", "ETHUSDT", "NOBODYUSDT", None]),
        wild,
        wild,
        wild,
    ),
    max_size=60,
)
# What a series looks like where nothing is absurd: each key once, numbers that can be compared.
tidy = st.lists(
    st.tuples(st.booleans(), st.sampled_from([100.0, 101.0, 103.0, 150.0]), st.integers(0, 4)),
    min_size=20,
    max_size=100,
).map(
    lambda told: [
        candle(hour, close, volume=float(volume), num_trades=volume, symbol=symbol)
        for hour, (there, close, volume) in enumerate(told)
        for symbol in ("BTCUSDT", "ETHUSDT")
        if there or hour % 3
    ]
)


def scene_of(told: list[Row], **changes: Any) -> CandleScene:
    return candles(told, **{"others": {"okx": told[::3]}, "listings": LISTINGS, **changes})


def all_of(scene: CandleScene) -> list[Finding]:
    return sorted(one for found in judge_candles(scene, POLICY).values() for one in found)


@few
@given(rows)
def test_no_nonsense_in_the_rows_stops_a_rule(told: list[Row]) -> None:
    for finding in all_of(scene_of(told)):
        assert finding.symbol in {"BTCUSDT", "ETHUSDT", "NOBODYUSDT"}
        assert finding.at_ms < finding.until_ms
    nothing: list[Row] = [dict.fromkeys(candle(0))]  # type: ignore[list-item]  # all of it null
    assert all_of(scene_of(told)) == all_of(scene_of(told + nothing))


@few
@given(st.lists(st.tuples(st.integers(0, 99), wild, wild), max_size=20))
def test_no_nonsense_in_the_settlements_stops_a_rule(told: list[tuple[int, Any, Any]]) -> None:
    scene = settlements(
        [settlement(hour, rate, every, raw_timestamp=None) for hour, rate, every in told],
        listings=LISTINGS,
    )
    judge_funding(scene, POLICY)


@few
@given(tidy, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(told: list[Row], numbers: Any) -> None:
    mixed = numbers.sample(told, len(told))
    assert all_of(scene_of(told)) == all_of(scene_of(mixed, others={"okx": told[::3][::-1]}))


@few
@given(tidy)
def test_a_row_that_is_stored_twice_counts_once_with_the_value_stored_last(told: list[Row]) -> None:
    older = [
        {**row, "close": 7.0, "ingestion_time": row["timestamp"] - timedelta(days=999)}
        for row in told
    ]
    assert all_of(scene_of(told)) == all_of(scene_of([*told, *older], others={"okx": told[::3]}))


@few
@given(tidy, st.integers(0, 60), st.integers(1, 40))
def test_only_the_window_is_told_of_and_what_comes_after_it_changes_nothing(
    told: list[Row], start: int, length: int
) -> None:
    hours = (start, start + length)
    found = all_of(scene_of(told, hours=hours))
    for finding in found:
        assert at(hours[0]) <= finding.at_ms < finding.until_ms <= at(hours[1])
    end = told[0]["timestamp"] + timedelta(milliseconds=at(hours[1]) - at(0))
    known = [row for row in told if row["timestamp"] < end]
    assert found == all_of(scene_of(known, hours=hours, others={"okx": told[::3]}))


@few
@given(tidy, st.sampled_from([24 * 7, 24 * 365]))
def test_the_same_days_a_week_or_a_year_later_have_the_same_findings(
    told: list[Row], later: int
) -> None:
    span = timedelta(hours=later)
    moved = [{**row, "timestamp": row["timestamp"] + span} for row in told]
    listings = [
        {name: value + span if hasattr(value, "tzinfo") else value for name, value in row.items()}
        for row in LISTINGS
    ]
    shift = at(later) - at(0)
    found = all_of(scene_of(told))
    scene = replace(
        scene_of(moved, listings=listings, others={"okx": moved[::3]}),
        window=Window(at(later), at(later) + 500 * DAY_MS),
    )
    assert [replace(f, at_ms=f.at_ms - shift, until_ms=f.until_ms - shift, detail="")
            for f in all_of(scene)] == [replace(f, detail="") for f in found]  # fmt: skip


@few
@given(tidy)
def test_a_symbol_is_judged_by_its_own_rows_alone_but_for_who_fell_silent(told: list[Row]) -> None:
    alone = [row for row in told if row["symbol"] == "BTCUSDT"]
    mine = [f for f in all_of(scene_of(told)) if f.symbol == "BTCUSDT" and f.rule != "stale_symbol"]
    others = {"okx": told[::3]}
    found = all_of(scene_of(alone, others=others, now=FOREVER))
    assert mine == [f for f in found if f.rule != "stale_symbol"]
