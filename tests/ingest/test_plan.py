"""What is asked covers everything that is wanted, exactly, and no page is longer than a page."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from market_assets.ingest.plan import chunks, pages, pages_around
from market_assets.schemas.timeline import Window, merge, subtract

STEP = 60_000
edges = st.integers(0, 3_000)


@st.composite
def windows(draw: st.DrawFn, most: int = 6) -> list[Window]:
    """Aligned windows in any order, also touching, overlapping and empty ones."""
    return [
        Window(min(a, b) * STEP, max(a, b) * STEP)
        for a, b in draw(st.lists(st.tuples(edges, edges), max_size=most))
    ]


slots = st.lists(st.integers(0, 5_000).map(lambda n: n * STEP), unique=True).map(sorted)


@given(windows(), st.integers(1, 500))
def test_pages_hold_every_window_and_none_is_longer_than_a_page(found, rows):
    cut = pages(found, STEP, rows)
    assert subtract(found, cut) == []
    assert all(0 < page.length <= rows * STEP for page in cut)


@given(windows(), st.integers(1, 500))
def test_pages_are_in_order_and_ask_for_nothing_twice(found, rows):
    cut = pages(found, STEP, rows)
    assert all(a.end <= b.start for a, b in pairwise(cut))
    everything = merge(found)
    if everything:
        assert cut[0].start == everything[0].start
        assert cut[-1].end == everything[-1].end


@given(st.integers(0, 3_000), st.integers(1, 3_000), st.integers(1, 500))
def test_one_window_takes_the_fewest_pages_there_can_be(start, length, rows):
    cut = pages([Window(start * STEP, (start + length) * STEP)], STEP, rows)
    assert len(cut) == -(-length // rows)


def test_scattered_holes_that_fit_into_a_page_share_it():
    holes = [Window(n * STEP, (n + 1) * STEP) for n in (3, 50, 480)]
    assert pages(holes, STEP, 499) == [Window(3 * STEP, 481 * STEP)]


@given(slots, st.integers(3, 500), st.integers(1, 80))
def test_every_hole_is_asked_for_with_neighbours_on_both_sides(absent, rows, padding):
    asked = pages_around(absent, STEP, rows, padding)
    assert all(window.length <= rows * STEP for window in asked)
    for slot in absent:
        assert any(
            # Before the epoch there is nothing to show.
            window.start <= max(0, slot - STEP) and slot + 2 * STEP <= window.end
            for window in asked
        ), slot


@given(slots.filter(bool), st.integers(30, 500))
def test_other_paddings_cut_the_pages_elsewhere(absent, rows):
    edges_of = [{w.end for w in pages_around(absent, STEP, rows, padding)} for padding in (2, 9)]
    assert not edges_of[0] & edges_of[1] or len(absent) > 1


@given(
    st.dictionaries(st.sampled_from(["BTCUSDT", "ETHUSDT", "UNIUSDT"]), windows(), min_size=1),
    st.integers(1, 500),
    st.integers(100, 20_000),
)
def test_chunks_hold_all_of_the_work_and_nothing_twice(todo, rows, chunk_rows):
    todo = {symbol: merge(found) for symbol, found in todo.items()}
    cut = chunks(todo, STEP, rows, chunk_rows)
    for symbol, wanted in todo.items():
        parts = [part for chunk in cut for part in chunk.get(symbol, ())]
        assert merge(parts) == wanted
        assert sum(p.length for p in parts) == sum(w.length for w in wanted), "nothing twice"
    assert all(chunk and all(chunk.values()) for chunk in cut)


@given(
    st.dictionaries(st.sampled_from(["BTCUSDT", "ETHUSDT"]), windows(2), min_size=1),
    st.integers(1, 50),
    st.integers(100, 20_000),
)
def test_a_chunk_is_about_as_large_as_a_commit_should_be(todo, rows, chunk_rows):
    todo = {symbol: merge(found) for symbol, found in todo.items()}
    for chunk in chunks(todo, STEP, rows, chunk_rows):
        size = sum(part.length for parts in chunk.values() for part in parts) // STEP
        assert size <= max(1.5 * chunk_rows, len(todo) * rows)


def test_symbols_of_the_same_time_are_stored_together():
    span = Window(0, 10_000 * STEP)
    for chunk in chunks({"BTCUSDT": [span], "ETHUSDT": [span]}, STEP, 499, 5_000):
        assert chunk["BTCUSDT"] == chunk["ETHUSDT"]


def test_a_thousand_scattered_holes_are_few_commits():
    holes = [Window(n * 10 * STEP, (n * 10 + 1) * STEP) for n in range(1_000)]
    assert len(chunks({"BTCUSDT": holes}, STEP, 499, 25_000)) == 1
