"""Which settlements are missing, read off the ones that are there: venues change the interval."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from market_assets.ingest.funding import INTERVALS_MS, explained, local_steps, suspects
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window

EIGHT = 8 * HOUR_MS
steps = st.sampled_from(INTERVALS_MS)


@st.composite
def rhythms(draw: st.DrawFn, changes: int = 2) -> tuple[list[int], int]:
    """Settlements of up to three intervals one after the other, at whole multiples of each."""
    moment, times = 40 * DAY_MS, [40 * DAY_MS]
    hours = draw(st.lists(steps, min_size=1, max_size=changes + 1))
    for step in hours:
        # A new rhythm begins at midnight, like the venues announce it.
        for _ in range(draw(st.integers(2, 4)) * (DAY_MS // step)):
            moment += step
            times.append(moment)
    return times, hours[-1]


@given(rhythms(changes=0))
def test_a_steady_rhythm_has_no_suspects(rhythm):
    times, step = rhythm
    assert suspects(times, Window(times[0], times[-1] + 1), step) == []


@given(rhythms(changes=0), st.data())
def test_each_settlement_taken_from_a_steady_rhythm_is_a_suspect(rhythm, data):
    times, step = rhythm
    assume(len(times) >= 5)
    # Some that follow each other; a rhythm of two or more at both sides stays to be read.
    first = data.draw(st.integers(2, len(times) - 3))
    gone = set(times[first : data.draw(st.integers(first + 1, len(times) - 2))])
    kept = [t for t in times if t not in gone]
    found = suspects(kept, Window(times[0], times[-1] + 1), step)
    assert gone <= set(found)


@given(rhythms(changes=2), st.data())
def test_a_hole_inside_a_rhythm_is_never_explained_away_by_a_change(rhythm, data):
    times, step = rhythm
    place = data.draw(st.integers(3, len(times) - 4))
    around = {b - a for a, b in zip(times[place - 3 : place + 3], times[place - 2 : place + 4],
                                    strict=True)}  # fmt: skip
    assume(len(around) == 1)
    gone = times[place]
    kept = [t for t in times if t != gone]
    assert gone in suspects(kept, Window(times[0], times[-1] + 1), step)
    assert not explained(kept, gone)


@given(rhythms(changes=2))
def test_what_a_change_of_interval_makes_suspect_is_explained_by_it(rhythm):
    times, step = rhythm
    found = suspects(times, Window(times[0], times[-1] + 1), step)
    assert [t for t in found if not explained(times, t)] == []


def test_the_ends_of_a_span_are_continued_in_the_rhythm_next_to_them():
    day = [40 * DAY_MS + n * 4 * HOUR_MS for n in range(6)]
    span = Window(day[0] - 8 * HOUR_MS, day[-1] + 8 * HOUR_MS + 1)
    assert suspects(day, span, EIGHT) == [
        day[0] - 4 * HOUR_MS, day[-1] + 4 * HOUR_MS, day[-1] + 8 * HOUR_MS
    ]  # fmt: skip


def test_without_a_single_event_the_stated_interval_says_what_was_due():
    span = Window(40 * DAY_MS, 41 * DAY_MS)
    assert suspects([], span, EIGHT) == [40 * DAY_MS + EIGHT, 40 * DAY_MS + 2 * EIGHT]


def test_the_local_step_is_the_smallest_gap_of_the_neighbourhood():
    times = [h * HOUR_MS for h in (0, 8, 16, 24, 28, 32)]
    assert [s // HOUR_MS for s in local_steps(times, EIGHT)] == [8, 8, 4, 4, 4]
