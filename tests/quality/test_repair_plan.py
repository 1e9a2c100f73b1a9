"""Which missing intervals are asked for again, when, and when they are given up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market_assets.quality.repair_plan import Repair, hours_of, pause_after, plan_repairs, started
from market_assets.schemas.timeline import HOUR_MS, Window, to_ms
from market_assets.settings.quality import RepairSettings
from market_assets.warehouse.contract import MissingSpan, RepairAttempt

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
LIMITS = RepairSettings(attempts=3, first_pause_minutes=30, max_age_days=30, runs_a_day=5)


def span(
    hours_ago: int,
    length: int = 1,
    *,
    symbol: str = "BTCUSDT",
    venue: str = "binance",
    dataset: str = "ohlcv",
) -> MissingSpan:
    start = to_ms(NOW.replace(minute=0)) - hours_ago * HOUR_MS
    interval = "1h" if dataset == "ohlcv" else ""
    window = Window(start, start + length * HOUR_MS)
    return MissingSpan(venue, dataset, interval, symbol, window, '{"unproven":"no answer"}')


def attempt(of: MissingSpan, number: int, minutes_ago: float) -> RepairAttempt:
    return RepairAttempt(of, number, "started", "{}", NOW - timedelta(minutes=minutes_ago))


def test_what_is_missing_is_asked_for_at_once_with_its_evidence_on_record() -> None:
    missing = span(10, 2)
    plan = plan_repairs([missing], [], LIMITS, NOW)

    assert plan.repairs == (Repair("binance", "ohlcv", missing.window, (missing,), 1),)
    assert not plan.given_up
    [recorded] = started(plan.repairs[0], NOW)
    assert recorded == RepairAttempt(missing, 1, "started", missing.evidence, NOW)


def test_neighbours_of_one_table_share_a_run_and_far_or_other_ones_do_not() -> None:
    near = [span(30), span(28, symbol="ETHUSDT"), span(24)]
    far, other_table, other_venue = (
        span(90),
        span(29, dataset="funding_rates"),
        span(29, venue="okx"),
    )
    plan = plan_repairs([*near, far, other_table, other_venue], [], LIMITS, NOW)

    by_table = [
        (r.venue, r.dataset, r.window.length // HOUR_MS, len(r.spans)) for r in plan.repairs
    ]
    assert by_table == [
        ("binance", "ohlcv", 7, 3),
        ("binance", "funding_rates", 1, 1),
        ("okx", "ohlcv", 1, 1),
        ("binance", "ohlcv", 1, 1),
    ]


def test_each_next_attempt_waits_twice_as_long() -> None:
    missing = span(10)
    for number, minutes in ((1, 30), (2, 60)):
        early = plan_repairs([missing], [attempt(missing, number, minutes - 1)], LIMITS, NOW)
        assert not early.repairs
        assert early.next_look == NOW + timedelta(minutes=1)
        [repair] = plan_repairs([missing], [attempt(missing, number, minutes)], LIMITS, NOW).repairs
        assert repair.attempt == number + 1


def test_what_was_tried_often_enough_is_given_up_once_and_says_so() -> None:
    missing = span(10)
    tried = [attempt(missing, n, 900) for n in (1, 2, 3)]
    plan = plan_repairs([missing], tried, LIMITS, NOW)

    assert not plan.repairs
    [given_up] = plan.given_up
    assert given_up.outcome == "given_up"
    assert given_up.detail == "still missing after 3 attempts (quality.repair.attempts)"
    again = plan_repairs([missing], [*tried, given_up], LIMITS, NOW)
    assert not again.repairs
    assert not again.given_up


def test_what_is_too_old_is_given_up_without_an_attempt() -> None:
    [given_up] = plan_repairs([span(31 * 24)], [], LIMITS, NOW).given_up
    assert given_up.attempt == 0
    assert given_up.detail == "older than 30 days (quality.repair.max_age_days)"


def test_attempts_count_for_what_is_left_of_a_span_and_not_for_its_neighbours() -> None:
    whole = span(20, 10)
    rest, beside = span(18, 1), span(9, 1)
    plan = plan_repairs([rest, beside], [attempt(whole, 2, 600)], LIMITS, NOW)

    [repair] = [r for r in plan.repairs if rest in r.spans]
    assert repair.attempt == 3
    [repair] = [r for r in plan.repairs if beside in r.spans]
    assert repair.attempt == 1


def test_a_venue_gets_no_more_runs_than_its_budget_and_the_newest_come_first() -> None:
    missing = [span(24 * day) for day in range(1, 9)]
    spent = [attempt(span(700), 1, 60), attempt(span(690), 1, 60)]
    plan = plan_repairs(missing, spent, LIMITS, NOW)

    assert [repair.spans[0] for repair in plan.repairs] == missing[:3]
    assert plan.out_of_budget == ("binance",)
    assert plan.next_look == NOW + timedelta(hours=1)


windows = st.lists(
    st.tuples(st.integers(2, 800), st.integers(1, 30), st.sampled_from(["BTCUSDT", "ETHUSDT"])),
    max_size=12,
)


@given(windows, st.integers(1, 20))
def test_every_missing_span_is_in_one_repair_given_up_or_waiting_and_runs_stay_small(
    made: list[tuple[int, int, str]], runs_a_day: int
) -> None:
    limits = LIMITS.model_copy(update={"runs_a_day": runs_a_day})
    missing = [span(ago, length, symbol=symbol) for ago, length, symbol in made]
    plan = plan_repairs(missing, [], limits, NOW)

    assert len(plan.repairs) <= runs_a_day
    named = Counter(s for repair in plan.repairs for s in set(repair.spans))
    named.update(a.span for a in plan.given_up)
    for one in missing:
        if not plan.out_of_budget:
            assert named[one] >= 1
    for repair in plan.repairs:
        assert repair.window.length <= 30 * 24 * HOUR_MS
        assert all(hours_of(s).overlaps(repair.window) for s in repair.spans)


@given(st.integers(1, 8))
def test_the_attempts_of_the_defaults_outlast_the_wait_for_the_archive(attempts: int) -> None:
    limits = RepairSettings()
    total = sum((pause_after(n, limits) for n in range(1, limits.attempts)), timedelta())
    assert total > timedelta(hours=48)
    assert pause_after(attempts + 1, limits) == 2 * pause_after(attempts, limits)


def test_time_alone_repairs_nothing_twice_and_ends_in_giving_up() -> None:
    missing, attempts, runs = span(10), [], 0
    now = NOW
    for _ in range(50):
        plan = plan_repairs([missing], attempts, LIMITS, now)
        runs += len(plan.repairs)
        attempts += [a for repair in plan.repairs for a in started(repair, now)]
        attempts += plan.given_up
        now = plan.next_look or now + timedelta(hours=5)
    assert runs == LIMITS.attempts
    assert [a.outcome for a in attempts].count("given_up") == 1
