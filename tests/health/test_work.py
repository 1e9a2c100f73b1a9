"""Checks, runs and backfills that failed, and what should tick."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from health_support import (
    DAY,
    HOUR,
    LONG_AGO,
    MINUTE,
    NOW,
    POLICY,
    Watching,
    every,
    judged,
    keys,
    of_rule,
    one,
    platform,
)

from market_assets.health.observed import Backfill, CheckState, FailedRun, Observed, Ticker

# Checks.


def check(passed: bool = False, ago: timedelta = HOUR, **told: object) -> CheckState:
    given: dict[str, object] = {
        "table": "raw.okx_ohlcv",
        "check": "off_grid",
        "severity": "error",
        "passed": passed,
        "checked_at": NOW - ago,
        "findings": 0 if passed else 3,
    }
    return CheckState(**{**given, **told})  # type: ignore[arg-type]


OFF_GRID = ("check_failed", "raw.okx_ohlcv", "off_grid")


def test_a_failed_check_is_told_with_what_it_found() -> None:
    found = one(
        judged(platform(checks=(check(sample="BTCUSDT 10:00: opens at 10:03"),))), *OFF_GRID
    )

    assert found.state == "failing"
    assert found.text == "3 findings 2026-11-21 11:05 UTC: BTCUSDT 10:00: opens at 10:03"
    assert (found.value, found.severity) == (3, None)


def test_a_check_that_only_warns_is_only_worth_knowing() -> None:
    found = judged(platform(checks=(check(severity="warn", check="price_jump"),)))

    assert one(found, "check_failed", "raw.okx_ohlcv", "price_jump").severity == "info"


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ([check(True)], "ok"),
        ([check(True, HOUR), check(False, 2 * HOUR)], "ok"),  # the newest verdict counts
        ([check(True, 2 * HOUR), check(False, HOUR)], "failing"),
        ([check(True, HOUR), check(False, HOUR)], "failing"),  # of one moment, the worse
        ([check(False, 90 * DAY)], "failing"),  # until somebody checks again
    ],
)
def test_the_newest_verdict_of_a_check_counts(checks: list[CheckState], state: str) -> None:
    for order in (checks, checks[::-1]):
        assert one(judged(platform(checks=tuple(order))), *OFF_GRID).state == state


def test_a_long_sample_is_cut() -> None:
    found = one(judged(platform(checks=(check(sample="x" * 10_000),))), *OFF_GRID)

    assert len(found.text) < 400


# Runs.


def failed(ago: timedelta, **told: object) -> FailedRun:
    given: dict[str, object] = {"run_id": "r1", "job": "hourly", "target": "okx 12:00"}
    return FailedRun(**{**given, "failed_at": NOW - ago, **told})  # type: ignore[arg-type]


RUN = ("run_failed", "hourly", "okx 12:00")


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ([failed(HOUR)], "failing"),
        ([failed(HOUR, succeeded_at=NOW - 59 * MINUTE)], "ok"),
        ([failed(HOUR, succeeded_at=NOW - 2 * HOUR)], "failing"),  # it had succeeded before
        ([failed(HOUR, succeeded_at=NOW - HOUR)], "failing"),  # in one moment: it may be the later
        ([failed(HOUR, will_retry=True)], "unknown"),
        ([failed(24 * HOUR)], "failing"),
        ([failed(24 * HOUR + MINUTE)], "ok"),  # old news
        ([failed(3 * HOUR), failed(HOUR, run_id="r2", succeeded_at=NOW - 2 * HOUR)], "failing"),
        ([failed(3 * HOUR), failed(2 * HOUR, run_id="r2", succeeded_at=NOW - HOUR)], "ok"),
        ([failed(-MINUTE)], "failing"),  # by another machine's clock
    ],
)
def test_a_failed_run_is_told_until_the_same_work_succeeds(
    runs: list[FailedRun], state: str
) -> None:
    for order in (runs, runs[::-1]):
        assert one(judged(platform(failed_runs=tuple(order))), *RUN).state == state


def test_runs_that_fail_again_and_again_are_one_trouble_with_a_beginning() -> None:
    again = [failed(n * HOUR, run_id=f"r{n}", error=f"no {n}") for n in (1, 2, 3)]
    early = failed(9 * HOUR, run_id="r9", succeeded_at=NOW - 5 * HOUR)

    found = one(judged(platform(failed_runs=(*again, early))), *RUN)

    assert found.text == "run r1 failed 2026-11-21 11:05 UTC: no 1; 4 failures"
    assert found.since == NOW - 3 * HOUR


def test_a_run_that_fails_is_retried_and_fails_for_good() -> None:
    looks = every(10 * MINUTE, 6)

    def seen(now: datetime) -> Observed:
        run = failed(MINUTE, will_retry=now < looks[2])
        done = now - MINUTE if now >= looks[4] else None
        return platform(failed_runs=(replace(run, succeeded_at=done),))

    assert Watching(interval=10 * MINUTE).story(seen, looks, *RUN) == "??XX.."


# Backfills.


def backfill(**told: object) -> Backfill:
    given: dict[str, object] = {
        "backfill_id": "b1",
        "target": "raw/okx_ohlcv",
        "state": "running",
        "started_at": NOW - 3 * HOUR,
        "last_progress_at": NOW - 5 * MINUTE,
        "done": 40,
        "total": 100,
    }
    return Backfill(**{**given, **told})  # type: ignore[arg-type]


FAILED = ("backfill_failed", "raw/okx_ohlcv", "b1")
STUCK = ("backfill_stuck", "raw/okx_ohlcv", "b1")


@pytest.mark.parametrize(
    ("told", "has_failed", "is_stuck"),
    [
        ({}, False, False),
        ({"last_progress_at": NOW - 120 * MINUTE}, False, False),
        ({"last_progress_at": NOW - 121 * MINUTE}, False, True),
        ({"last_progress_at": None}, False, True),  # no partition yet, for three hours
        ({"last_progress_at": None, "started_at": NOW - HOUR}, False, False),
        ({"failed_partitions": 3}, True, False),
        ({"state": "succeeded", "ended_at": NOW - HOUR}, False, False),
        ({"state": "failed", "ended_at": NOW - HOUR}, True, False),
        ({"state": "failed", "ended_at": NOW - 25 * HOUR}, False, False),  # old news
        ({"state": "failed", "ended_at": None, "last_progress_at": None}, True, False),
        ({"state": "canceled", "failed_partitions": 3, "ended_at": NOW}, False, False),
    ],
)
def test_backfills_that_fail_or_stand_still(
    told: dict[str, object], has_failed: bool, is_stuck: bool
) -> None:
    found = judged(platform(backfills=(backfill(**told),)))

    assert keys(found) == ({FAILED} if has_failed else set()) | ({STUCK} if is_stuck else set())
    assert of_rule(found, "backfill_failed").keys() == {FAILED[1:]}


def test_a_stuck_backfill_that_moves_again_is_fine() -> None:
    looks = every(HOUR, 5)

    def seen(now: datetime) -> Observed:
        moved = looks[3] if now >= looks[3] else NOW - HOUR - MINUTE
        return platform(backfills=(backfill(last_progress_at=moved),))

    assert Watching(interval=HOUR).story(seen, looks, *STUCK) == ".XX.."


def test_a_backfill_does_not_stand_still_while_we_are_down() -> None:
    still = backfill(last_progress_at=NOW - 9 * HOUR)

    def stuck(back: timedelta) -> str:
        return one(judged(platform(backfills=(still,), resumed_at=NOW - back)), *STUCK).state

    assert stuck(HOUR) == "ok"
    assert stuck(3 * HOUR) == "failing"


# Daemons, schedules and sensors.


def ticker(**told: object) -> Ticker:
    given: dict[str, object] = {
        "kind": "sensor",
        "name": "watch",
        "last_tick_at": NOW - MINUTE,
        "due_every": MINUTE,
    }
    return Ticker(**{**given, **told})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({}, "ok"),
        ({"last_tick_at": NOW - 11 * MINUTE}, "ok"),
        ({"last_tick_at": NOW - 11 * MINUTE - timedelta(seconds=1)}, "failing"),
        ({"last_tick_at": NOW - 9 * DAY, "is_on": False}, "ok"),  # a person turned it off
        ({"last_tick_at": NOW - 9 * DAY, "on_since": NOW - MINUTE}, "ok"),  # and on again
        ({"last_tick_at": None, "on_since": NOW - MINUTE}, "ok"),
        ({"last_tick_at": None, "on_since": NOW - HOUR}, "failing"),
        ({"last_tick_at": None}, "failing"),  # since we began
        ({"last_error": "ValueError: no"}, "failing"),
        ({"last_tick_at": NOW + MINUTE}, "ok"),
        ({"next_due_at": NOW - 10 * MINUTE}, "ok"),
        ({"next_due_at": NOW - 10 * MINUTE - timedelta(seconds=1)}, "failing"),
        ({"next_due_at": NOW + HOUR, "last_tick_at": None}, "ok"),
        ({"next_due_at": NOW + HOUR, "last_error": "ValueError: no"}, "failing"),
    ],
)
def test_what_should_tick_and_does_not(told: dict[str, object], state: str) -> None:
    found = judged(platform(tickers=(ticker(**told),)))

    assert of_rule(found, "not_ticking") == {("sensor", "watch"): state}


def test_a_ticker_that_nobody_knows_anything_of_is_unknown() -> None:
    seen = platform(tickers=(ticker(last_tick_at=None),), began_at=None)

    assert one(judged(seen), "not_ticking", "sensor", "watch").state == "unknown"


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
def test_a_change_of_the_clocks_makes_nothing_late_and_nothing_early(zone: str) -> None:
    """Through the days on which each zone's clocks change, in whatever zone ticks are told."""
    for change in (
        datetime(2026, 3, 8, 6, tzinfo=UTC),
        datetime(2026, 3, 29, 0, tzinfo=UTC),
        datetime(2026, 4, 4, 14, tzinfo=UTC),
        datetime(2026, 10, 3, 15, tzinfo=UTC),
        datetime(2026, 10, 25, 0, tzinfo=UTC),
        datetime(2026, 11, 1, 5, tzinfo=UTC),
    ):
        for step in range(12):
            last = change + step * 15 * MINUTE
            local = last.astimezone(ZoneInfo(zone))
            hourly = ticker(last_tick_at=local, due_every=HOUR)
            planned = ticker(name="planned", next_due_at=(last + HOUR).astimezone(ZoneInfo(zone)))
            seen = platform(tickers=(hourly, planned), began_at=LONG_AGO, previous=None)
            for minutes, state in ((69, "ok"), (71, "failing")):
                now = (last + minutes * MINUTE).astimezone(ZoneInfo(zone))
                found = of_rule(judged(seen, now=now), "not_ticking")
                assert set(found.values()) == {state}, (zone, last, minutes)


def test_late_is_what_the_settings_call_late() -> None:
    patient = replace(POLICY, tick_late=HOUR)
    seen = platform(tickers=(ticker(last_tick_at=NOW - 50 * MINUTE),))

    assert keys(judged(seen)) == {("not_ticking", "sensor", "watch")}
    assert not keys(judged(seen, patient))


def test_what_dagster_does_not_tell_is_unknown() -> None:
    found = judged(platform(failed_runs=None, backfills=None, tickers=None, checks=None))

    for rule in ("run_failed", "backfill_failed", "backfill_stuck", "not_ticking", "check_failed"):
        assert of_rule(found, rule) == {("", ""): "unknown"}
