"""The laws of settlements: when, how often, and how much."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from scene_support import at, listing, settlement, settlements

from market_assets.checks.funding_rules import (
    funding_interval_changed,
    funding_off_schedule,
    funding_outside_cap,
)
from market_assets.checks.policy import Policy

few = settings(max_examples=60, deadline=None)


@few
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True),
    st.sampled_from([-6_000, -5_000, 0, 7, 5_000, 5_001]),
    st.integers(0, 60),
)
def test_a_settlement_is_on_schedule_at_a_whole_hour_within_seconds_of_its_minute_and_not_ahead(
    quarters: list[int], drift: int, now: int
) -> None:
    rows = [settlement(quarter / 4) for quarter in quarters]
    for row in rows:
        row["raw_timestamp"] += timedelta(milliseconds=drift)
    found = funding_off_schedule(settlements(rows, now=at(now / 4)), Policy())
    wrong = sorted(q for q in quarters if q % 4 or abs(drift) > 5_000 or q > now)
    assert [finding.at_ms for finding in found] == [at(quarter / 4) for quarter in wrong]


@few
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 3, 4, 8, 16, 720, 728]), st.sampled_from([None, 1.0, 4.0, 8.0])
        ),
        min_size=1,
        max_size=10,
    )
)
def test_the_interval_changed_if_another_is_told_or_the_distance_is_no_multiple_of_it(
    told: list[tuple[int, float | None]],
) -> None:
    hours = list(accumulate(gap for gap, _ in told))
    stated = [every for _, every in told]
    rows = [settlement(h, every=every) for h, every in zip(hours, stated, strict=True)]
    wrong = []
    for n in range(1, len(told)):
        gap, every, before = told[n][0], stated[n], stated[n - 1]
        if gap <= 720 and every is not None:
            other = before is not None and before != every
            wrong += [hours[n]] * (other or gap % every != 0)
    found = funding_interval_changed(settlements(rows), Policy())
    assert [finding.at_ms for finding in found] == [at(hour) for hour in wrong]


def test_a_missing_settlement_is_no_change_and_one_too_many_is() -> None:
    hole = [settlement(0), settlement(16), settlement(24)]
    assert not funding_interval_changed(settlements(hole), Policy())
    [finding] = funding_interval_changed(settlements([settlement(0), settlement(4)]), Policy())
    assert "4 h after the one before, not 8 h" in finding.detail


@few
@given(
    st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=5),
    st.none() | st.floats(0, 0.03),
    st.none() | st.floats(-0.03, 0),
)
def test_a_rate_is_outside_beyond_the_own_cap_and_floor_and_without_them_beyond_the_ceiling(
    rates: list[float], cap: float | None, floor: float | None
) -> None:
    rows = [settlement(8 * n, rate) for n, rate in enumerate(rates)]
    known = [listing(funding_cap=cap, funding_floor=floor)]
    high, low = 0.04 if cap is None else cap, -0.04 if floor is None else floor
    found = funding_outside_cap(settlements(rows, listings=known), Policy())
    wrong = [
        (at(8 * n), r, high if r > high else low)
        for n, r in enumerate(rates)
        if r > high or r < low
    ]
    assert [(f.at_ms, f.value, f.threshold) for f in found] == wrong


def test_the_cap_is_that_of_the_version_of_its_time_and_before_the_first_that_one() -> None:
    narrow, wide = listing(8, funding_cap=0.001), listing(8, funding_cap=0.01)
    wide["valid_from"] = narrow["valid_to"] = listing(16)["listed_at"]
    rows = [settlement(hour, 0.005) for hour in (0, 8, 16)]
    found = funding_outside_cap(settlements(rows, listings=[wide, narrow]), Policy())
    assert [finding.at_ms for finding in found] == [at(0), at(8)]
