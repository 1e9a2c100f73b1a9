"""Rows that are absent without a reason, over the watched days together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from health_support import (
    HOUR,
    MINUTE,
    NOW,
    POLICY,
    Watching,
    after_failing,
    every,
    judged,
    keys,
    of_rule,
    one,
    platform,
)

from market_assets.health.observed import DayCompleteness, Observed, PreviousLook

BTC = ("completeness", "binance ohlcv", "BTCUSDT 1h")
TODAY = NOW.date()


def day(missing: int = 0, unasked: int = 0, *, ago: int = 0, **told: object) -> DayCompleteness:
    """A day of hourly candles; of today twelve have come due by 12:05."""
    expected = 12 if ago == 0 else 24
    given: dict[str, object] = {
        "venue": "binance",
        "dataset": "ohlcv",
        "interval": "1h",
        "symbol": "BTCUSDT",
        "day": TODAY - timedelta(days=ago),
        "expected": expected,
        "present": expected - missing - unasked,
    }
    return DayCompleteness(**{**given, "missing": missing, "unasked": unasked, **told})  # type: ignore[arg-type]


def seen(*days: DayCompleteness, **told: object) -> Observed:
    return platform(completeness=days, **told)


def state_at(now: datetime, counted: DayCompleteness) -> str:
    """What a look of that time says, a minute after the one before."""
    observed = seen(counted, previous=PreviousLook(now - MINUTE, MINUTE))
    key = f"{counted.venue} {counted.dataset}", f"{counted.symbol} {counted.interval}".strip()
    return one(judged(observed, now=now), "completeness", *key).state


@pytest.mark.parametrize(
    ("days", "state"),
    [
        ([day(), day(ago=1)], "ok"),
        ([day(), day(1, ago=1)], "ok"),  # one of 36 is 97.2 %
        ([day(), day(2, ago=1)], "failing"),  # two of 36 are 94.4 %
        ([day(1), day(1, ago=1)], "failing"),  # the days count together
        ([day(1)], "failing"),
        ([day(), day(ago=1, explained=24, present=0)], "ok"),  # no trade, an outage
        ([day(), day(0, 2, ago=1)], "failing"),  # nobody asked for what is long due
        ([day(expected=0, present=0)], "ok"),  # just after midnight, or not listed yet
        ([], None),
    ],
)
def test_too_few_rows_of_the_watched_days_together(
    days: list[DayCompleteness], state: str | None
) -> None:
    found = of_rule(judged(seen(*days)), "completeness")

    assert found == ({BTC[1:]: state} if state else {})


@pytest.mark.parametrize(
    ("now", "expected", "unasked", "state"),
    [
        # What came due within the two hours that freshness waits is not absent.
        (NOW, 12, 2, "ok"),
        (NOW, 12, 3, "failing"),
        (datetime(2026, 11, 21, 0, 10, tzinfo=UTC), 0, 0, "ok"),
        (datetime(2026, 11, 21, 1, 1, tzinfo=UTC), 1, 1, "ok"),
        (datetime(2026, 11, 21, 2, 30, tzinfo=UTC), 2, 2, "ok"),
        # Of yesterday, two candles are still waited for at half past midnight.
        (datetime(2026, 11, 22, 0, 30, tzinfo=UTC), 24, 2, "ok"),
        (datetime(2026, 11, 22, 0, 30, tzinfo=UTC), 24, 4, "failing"),
        (datetime(2026, 11, 22, 5, 0, tzinfo=UTC), 24, 2, "failing"),
    ],
)
def test_what_has_just_come_due_is_not_absent_yet(
    now: datetime, expected: int, unasked: int, state: str
) -> None:
    today = day(0, unasked, day=date(2026, 11, 21), expected=expected)

    assert state_at(now, today) == state


def test_settlements_are_waited_for_as_long_as_freshness_waits_for_them() -> None:
    told = {"dataset": "funding_rates", "interval": "", "expected": 3, "present": 2}
    yesterday = day(0, 1, ago=1, **told)

    assert state_at(datetime(2026, 11, 21, 1, 0, tzinfo=UTC), yesterday) == "ok"
    assert state_at(datetime(2026, 11, 21, 11, 0, tzinfo=UTC), yesterday) == "failing"


def test_a_verdict_counts_and_names_the_worst_day() -> None:
    found = one(judged(seen(day(1), day(5, ago=1), day(0, 3, ago=2))), *BTC)

    assert found.text == "85.0 % of 60 (limit 95): 6 missing, 3 not asked for, worst 2026-11-20"
    assert (found.value, found.limit) == (85.0, 95.0)


def test_repair_that_brings_rows_one_by_one_is_one_alert() -> None:
    """Of 1000: 940, then ever more; the alert ends half a percent above its limit."""
    missing = [60, 55, 51, 50, 49, 46, 45, 46, 50, 51, 0]
    looks = every(MINUTE, len(missing))

    def state(now: datetime) -> Observed:
        return seen(day(missing[looks.index(now)], ago=1, expected=1000))

    assert Watching().story(state, looks, *BTC) == "XXXXXX...X."


def test_a_limit_of_everything_is_met_by_everything() -> None:
    strict = replace(POLICY, completeness_percent=100.0)

    assert one(judged(seen(day(1, ago=1, expected=10_000)), strict), *BTC).state == "failing"
    assert one(judged(after_failing(seen(day()), BTC), strict), *BTC).state == "ok"


def test_hours_that_nobody_asked_for_while_we_were_down_are_caught_up_first() -> None:
    behind = seen(day(0, 8), day(ago=1), resumed_at=NOW - MINUTE)

    assert one(judged(behind), *BTC).state == "unknown"
    assert one(judged(replace(behind, resumed_at=NOW - HOUR)), *BTC).state == "failing"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata"])
def test_a_day_is_a_day_of_utc_wherever_the_machine_is(zone: str) -> None:
    """At 02:30 UTC it is still yesterday in Los Angeles, and afternoon in Auckland."""
    now = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)

    for unasked, state in ((2, "ok"), (9, "failing")):
        today = day(0, unasked, expected=24 if unasked > 2 else 2, ago=int(unasked > 2))
        assert state_at(now, today) == state_at(now.astimezone(ZoneInfo(zone)), today) == state


def test_each_series_is_judged_by_its_own_days() -> None:
    found = judged(
        seen(
            day(3, ago=1),
            day(ago=1, symbol="ETHUSDT"),
            day(3, ago=1, venue="okx"),
            day(ago=1, interval="4h"),
        )
    )

    assert keys(found) == {BTC, ("completeness", "okx ohlcv", "BTCUSDT 1h")}


def test_days_that_nobody_can_count_are_neither_whole_nor_broken() -> None:
    assert one(judged(platform(completeness=None)), "completeness").state == "unknown"
