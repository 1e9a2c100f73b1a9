"""Window algebra, held against the plain sets of moments it stands for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.schemas.timeline import (
    DAY_MS,
    HOUR_MS,
    INTERVALS,
    Window,
    merge,
    subtract,
    to_datetime,
    to_ms,
    to_text,
    windows_of,
)

moments = st.integers(0, 40)
windows = st.lists(
    st.tuples(moments, moments).map(lambda pair: Window(min(pair), max(pair))), max_size=6
)


def members(found: list[Window]) -> set[int]:
    return {moment for window in found for moment in range(window.start, window.end)}


@given(windows)
def test_merging_keeps_every_moment_and_leaves_no_touching_windows(given_windows: list[Window]):
    merged = merge(given_windows)
    assert members(given_windows) == members(merged)
    assert all(a.end < b.start for a, b in pairwise(merged))


@given(windows, windows)
def test_subtracting_is_set_difference(left: list[Window], right: list[Window]):
    assert members(left) - members(right) == members(subtract(left, right))


@given(st.sets(moments))
def test_windows_of_grid_points_hold_just_these_points(points: set[int]):
    assert points == members(windows_of(points, 1))


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 50))
def test_pieces_cover_a_window_without_overlap(start: int, length: int, size: int):
    window = Window(start, start + length)
    pieces = list(window.pieces(size))
    assert members([window]) == members(pieces)
    assert sum(piece.length for piece in pieces) == length
    assert all(0 < piece.length <= size for piece in pieces)


@pytest.mark.parametrize("interval", INTERVALS)
def test_every_interval_divides_the_day(interval: str):
    assert DAY_MS % INTERVALS[interval] == 0


def test_the_grid_holds_only_aligned_open_times_inside_the_window():
    window = Window(HOUR_MS - 1, 3 * HOUR_MS + 1)
    assert list(window.grid(HOUR_MS)) == [HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS]


def test_a_window_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="cannot end before it starts"):
        Window(2, 1)


def test_naive_times_and_dates_are_utc_and_times_survive_the_round_trip():
    aware = datetime(2026, 2, 28, 23, 59, 59, 999000, tzinfo=UTC)
    assert to_ms(aware) == to_ms(aware.replace(tzinfo=None))
    assert to_datetime(to_ms(aware)) == aware
    assert to_ms(date(2026, 3, 1)) == to_ms(aware) + 1
    assert to_text(to_ms(date(2026, 3, 1))) == "2026-03-01 00:00"
