"""Coverage and gaps behave as sets of moments, whatever order the outcomes come in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warehouse_support import START, Open, ask, candle_batch, candles, hours

from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.warehouse.contract import Batch, Gap, SeriesOutcome
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.outcomes import coverage_after, gaps_after, rounds

ENGINES = ("ducklake", "bigquery")
SLOTS = 10
SYMBOL = "BTCUSDT"
NOTHING = candles(0, 0)
# What an outcome says about a slot: covered, covered because there is nothing, missing, or unknown.
Verdict = tuple[bool, str | None, str | None]
VERDICTS: tuple[Verdict, ...] = (
    (True, None, None),
    (True, "no_trade", "a"),
    (True, "no_trade", "b"),
    (True, "not_listed", "a"),
    (False, "missing", "a"),
    (False, None, None),
)


@pytest.fixture
def embedded(store: Path, opened: Open) -> DuckLakeWarehouse:
    return opened(store)


@st.composite
def verdicts(draw: st.DrawFn) -> dict[int, Verdict]:
    """A window of slots, and a verdict on each of them."""
    start = draw(st.integers(0, SLOTS - 1))
    end = draw(st.integers(start + 1, SLOTS))
    return {slot: draw(st.sampled_from(VERDICTS)) for slot in range(start, end)}


def outcome_of(verdict: dict[int, Verdict]) -> SeriesOutcome:
    """The verdicts slot by slot, nothing joined: joining is the store's work."""
    return SeriesOutcome(
        SYMBOL,
        hours(min(verdict), len(verdict)),
        tuple(hours(slot, 1) for slot, (covered, _, _) in verdict.items() if covered),
        tuple(
            Gap(hours(slot, 1), reason, {"why": why})  # type: ignore[arg-type]
            for slot, (_, reason, why) in verdict.items()
            if reason
        ),
    )


def slots(window: Window) -> Iterator[int]:
    assert (window.start - START) % HOUR_MS == 0
    return iter(range((window.start - START) // HOUR_MS, (window.end - START) // HOUR_MS))


def agrees_with_a_model(warehouse: DuckLakeWarehouse, told: list[list[dict[int, Verdict]]]) -> None:
    # Each example has a series of its own in the same store.
    interval = _unused_interval()
    model: dict[int, Verdict] = {}
    for verdicts_of_batch in told:
        for verdict in verdicts_of_batch:
            model |= verdict
        series = [outcome_of(verdict) for verdict in verdicts_of_batch]
        warehouse.commit(Batch("binance", OHLCV, interval, "run-1", NOTHING, series))
    everything = hours(0, SLOTS)
    covered = warehouse.covered("binance", OHLCV, interval, [SYMBOL], everything)[SYMBOL]
    gaps = warehouse.gaps("binance", OHLCV, interval, [SYMBOL], everything)[SYMBOL]

    assert {slot for window in covered for slot in slots(window)} == {
        slot for slot, (is_covered, _, _) in model.items() if is_covered
    }
    assert sorted(
        (slot, gap.reason, gap.evidence["why"]) for gap in gaps for slot in slots(gap.window)
    ) == sorted((slot, reason, why) for slot, (_, reason, why) in model.items() if reason)
    # and what touches is one
    assert all(a.end < b.start for a, b in itertools.pairwise(covered))
    for a, b in itertools.pairwise(gaps):
        same = (a.reason, a.evidence) == (b.reason, b.evidence)
        assert a.window.end < b.window.start or not same


@given(
    st.lists(
        st.lists(verdicts(), min_size=1, max_size=2),  # one batch may say two things of a series
        min_size=1,
        max_size=3,
    )
)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_store_agrees_with_a_model_that_keeps_each_slot_by_itself(
    embedded: DuckLakeWarehouse, told: list[list[dict[int, Verdict]]]
) -> None:
    agrees_with_a_model(embedded, told)


def test_the_store_agrees_with_the_model_on_verdicts_of_every_kind(
    warehouse: DuckLakeWarehouse,
) -> None:
    """The law above on each engine, for one history in which all kinds replace each other."""
    first = dict(enumerate(VERDICTS))
    second = {slot + 2: verdict for slot, verdict in enumerate(reversed(VERDICTS))}
    agrees_with_a_model(warehouse, [[first], [second, {9: VERDICTS[1]}], [{0: VERDICTS[4]}]])


_numbers = iter(range(1_000_000))


def _unused_interval() -> str:
    return f"test-{next(_numbers)}"


def test_hour_after_hour_is_one_window_and_answers_are_clipped(
    warehouse: DuckLakeWarehouse,
) -> None:
    for hour in range(3):
        warehouse.commit(candle_batch(hour, 1))
    assert len(ask(warehouse, "FROM ops.coverage WHERE symbol = 'BTCUSDT'")) == 1
    covered = warehouse.covered("binance", OHLCV, "1h", [SYMBOL], hours(1, 50))[SYMBOL]
    assert covered == [hours(1, 2)]
    assert warehouse.covered("binance", OHLCV, "1h", [SYMBOL], hours(3, 50))[SYMBOL] == []
    assert warehouse.covered("okx", OHLCV, "1h", [SYMBOL], hours(0, 9))[SYMBOL] == []
    assert warehouse.covered("binance", OHLCV, "4h", [SYMBOL], hours(0, 9))[SYMBOL] == []
    assert warehouse.covered("binance", FUNDING_RATES, "", [SYMBOL], hours(0, 9))[SYMBOL] == []


def test_a_gap_is_counted_in_candles_and_keeps_its_evidence(warehouse: DuckLakeWarehouse) -> None:
    evidence = {"asked": 3, "pages": ["a", "b"]}
    gap = Gap(hours(2, 3), "venue_outage", evidence)
    outcome = SeriesOutcome(SYMBOL, hours(0, 9), (), (gap,))
    warehouse.commit(candle_batch(rows=NOTHING, series=[outcome]))
    assert warehouse.gaps("binance", OHLCV, "1h", [SYMBOL], hours(0, 9))[SYMBOL] == [gap]
    clipped = warehouse.gaps("binance", OHLCV, "1h", [SYMBOL], hours(3, 1))[SYMBOL]
    assert clipped == [Gap(hours(3, 1), "venue_outage", evidence)]
    [row] = ask(warehouse, "FROM ops.gaps")
    assert row["candles"] == 3
    funding = Batch(
        "binance", FUNDING_RATES, "", "run-1", FUNDING_RATES.arrow_schema().empty_table(), [outcome]
    )
    warehouse.commit(funding)
    counts = ask(warehouse, "SELECT candles FROM ops.gaps ORDER BY dataset")
    assert counts == [{"candles": None}, {"candles": 3}]


def test_a_verdict_that_says_nothing_new_writes_nothing(warehouse: DuckLakeWarehouse) -> None:
    gap = Gap(hours(0, 9), "not_listed", {"listed_at": 1})
    whole = SeriesOutcome(SYMBOL, hours(0, 9), (hours(0, 9),), (gap,))
    inner = SeriesOutcome(
        SYMBOL, hours(3, 2), (hours(3, 2),), (Gap(hours(3, 2), "not_listed", {"listed_at": 1}),)
    )
    warehouse.commit(candle_batch(rows=NOTHING, series=[whole]))
    warehouse.commit(candle_batch(rows=NOTHING, series=[inner], run_id="run-2"))
    [row] = ask(warehouse, "SELECT run_id, candles FROM ops.gaps")
    assert row == {"run_id": "run-1", "candles": 9}


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        (SeriesOutcome(SYMBOL, hours(0, 2), (hours(1, 2),)), "lies outside"),
        (
            SeriesOutcome(SYMBOL, hours(0, 2), (), (Gap(hours(2, 1), "missing", {}),)),
            "lies outside",
        ),
        (
            SeriesOutcome(
                SYMBOL,
                hours(0, 9),
                (),
                (Gap(hours(0, 3), "missing", {}), Gap(hours(2, 2), "no_trade", {})),
            ),
            "overlap",
        ),
    ],
    ids=["covered beyond the window", "gap beyond the window", "two gaps in one place"],
)
def test_outcomes_that_contradict_themselves_are_refused(
    empty_store_warehouse: DuckLakeWarehouse, outcome: SeriesOutcome, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        empty_store_warehouse.commit(candle_batch(rows=NOTHING, series=[outcome]))


@pytest.fixture(scope="module")
def empty_store_warehouse(empty_store: object) -> Iterator[DuckLakeWarehouse]:
    with DuckLakeWarehouse(empty_store) as warehouse:  # type: ignore[arg-type]
        yield warehouse


def test_days_are_counted_for_the_status(warehouse: DuckLakeWarehouse, opened: Open) -> None:
    # The window starts at noon: half of its 24 hours are on the next day.
    gap = Gap(hours(10, 5), "no_trade", {})
    outcome = SeriesOutcome("BTCUSDT", hours(0, 24), (hours(0, 24),), (gap,))
    rows = candles(0, 10, symbols=["BTCUSDT"])
    warehouse.commit(candle_batch(rows=rows, series=[outcome]))
    counted = warehouse.coverage_by_day().to_pylist()
    assert [(str(row["day"]), row["rows"], row["no_trade"], row["missing"]) for row in counted] == [
        ("2026-01-31", 10, 2, 0),
        ("2026-02-01", 0, 3, 0),
    ]
    assert {(r["venue"], r["dataset"], r["interval"], r["symbol"]) for r in counted} == {
        ("binance", "ohlcv", "1h", "BTCUSDT")
    }
    narrowed = warehouse.coverage_by_day(
        venues=["binance"], datasets=["ohlcv"], window=hours(9, 2)
    ).to_pylist()
    assert [(row["rows"], row["no_trade"]) for row in narrowed] == [(1, 1)]
    assert warehouse.coverage_by_day(venues=["okx"]).num_rows == 0


spans = st.tuples(st.integers(0, 40), st.integers(1, 8)).map(
    lambda span: Window(span[0], span[0] + span[1])
)
judged = st.builds(
    lambda window, reason, share: SeriesOutcome(
        SYMBOL,
        window,
        () if reason == "missing" else (window,),
        (Gap(Window(window.start, window.start + min(share, window.length)), reason, {}),),
    ),
    spans,
    st.sampled_from(["missing", "no_trade"]),
    st.integers(1, 8),
)


@given(st.lists(judged, max_size=25))
def test_outcomes_taken_in_groups_say_what_they_say_one_after_the_other(
    outcomes: list[SeriesOutcome],
) -> None:
    groups = list(rounds(outcomes))
    assert [one for group in groups for one in group] == outcomes
    for group in groups:
        for first, second in itertools.combinations(group, 2):
            assert not first.window.overlaps(second.window)
    covered, covered_one_by_one = [], []
    gaps, gaps_one_by_one = [], []
    for group in groups:
        covered, gaps = coverage_after(covered, group), gaps_after(gaps, group)
    for one in outcomes:
        covered_one_by_one = coverage_after(covered_one_by_one, [one])
        gaps_one_by_one = gaps_after(gaps_one_by_one, [one])
    assert covered == covered_one_by_one
    assert gaps == gaps_one_by_one


def test_many_outcomes_of_windows_that_lie_apart_are_one_group() -> None:
    windows = [Window(2 * n, 2 * n + 1) for n in range(5_000)]
    outcomes = [SeriesOutcome(SYMBOL, window, (window,)) for window in reversed(windows)]
    assert len(list(rounds(outcomes))) == 1
