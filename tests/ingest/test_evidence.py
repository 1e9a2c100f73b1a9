"""What a longer candle proves about the holes inside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market_assets.ingest.evidence import LONGER, bucket_of, bucket_window, compare_volume
from market_assets.schemas.timeline import HOUR_MS, INTERVALS
from market_assets.venues.registry import VENUES

volumes = st.integers(1, 10**9).map(lambda lots: lots / 1000)
hours = st.dictionaries(st.integers(0, 3).map(lambda n: n * HOUR_MS), volumes, max_size=4)


@given(hours)
def test_a_longer_candle_that_holds_just_our_parts_proves_that_nobody_traded(parts):
    assert compare_volume("4h", 0, sum(parts.values()), parts).traded == "no"


@given(hours, st.integers(1, 10**6))
def test_any_volume_more_than_ours_proves_that_a_candle_is_missing(parts, lots):
    whole = sum(parts.values()) + max(lots / 1000, sum(parts.values()) * 1e-5)
    test = compare_volume("4h", 0, whole, parts)
    assert test.traded == "yes"
    assert test.evidence["longer_candle"] == "4h"
    assert test.evidence["its_volume"] == whole
    assert test.evidence["our_volume"] == sum(parts.values())


@given(hours)
def test_without_a_longer_candle_nothing_is_proven(parts):
    assert compare_volume("4h", 0, None, parts).traded == "unknown"


@given(hours, volumes)
def test_candles_outside_of_the_longer_one_are_not_its_parts(parts, other):
    neighbours = {-HOUR_MS: other, 4 * HOUR_MS: other}
    whole = sum(parts.values()) * 1.01 + 1.0
    assert compare_volume("4h", 0, whole, parts | neighbours).traded == "yes"


@given(st.integers(0, 10**13), st.sampled_from(sorted(INTERVALS)))
def test_a_bucket_holds_its_slot_and_starts_on_its_grid(slot, longer):
    window = bucket_window(slot, longer)
    assert slot in window
    assert window.start == bucket_of(slot, longer)
    assert window.start % INTERVALS[longer] == 0
    assert window.length == INTERVALS[longer]


def test_longer_candles_hold_whole_shorter_ones_and_every_venue_serves_them():
    assert set(LONGER) == set(INTERVALS)
    for interval, longer in LONGER.items():
        lengths = [INTERVALS[name] for name in longer]
        assert lengths == sorted(lengths), interval
        assert all(length > INTERVALS[interval] for length in lengths)
        assert all(length % INTERVALS[interval] == 0 for length in lengths)
        for venue in VENUES.values():
            if interval in venue.limits.intervals:
                assert set(longer) <= venue.limits.intervals, (venue.name, interval)
