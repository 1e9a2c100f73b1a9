"""We were down, we are, or our clock is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from health_support import (
    DAY,
    HOUR,
    LONG_AGO,
    MINUTE,
    NOW,
    Watching,
    answering,
    every,
    failing,
    funding,
    judged,
    keys,
    of_rule,
    one,
    platform,
    series,
)

from market_assets.health.observed import (
    CheckState,
    InstrumentChange,
    Observed,
    PreviousLook,
    Storage,
    Ticker,
)

NOBODY_ASKS = ("platform_was_down", "requests", "")


@pytest.mark.parametrize(
    ("interval", "ago", "is_hole"),
    [
        (60, 60, False),
        (60, 210, False),  # three intervals and half a minute: a slow machine
        (60, 211, True),
        (5, 45, False),
        (5, 46, True),
        (3600, 3 * 3600, False),
        (60, -3600, False),  # the clock went back
    ],
)
def test_looks_that_did_not_come_are_told_as_a_hole(interval: int, ago: int, is_hole: bool) -> None:
    previous = PreviousLook(NOW - timedelta(seconds=ago), timedelta(seconds=interval))

    holes = [v for v in judged(platform(series(), previous=previous)) if v.scope == "looks"]

    assert bool(holes) is is_hole
    assert all(hole.is_event and hole.state == "failing" for hole in holes)


def test_a_hole_is_told_once_with_its_beginning_and_its_end() -> None:
    watch = Watching()
    watch.look(platform(series()), NOW - 3 * HOUR)

    def seen(now: datetime) -> Observed:
        return platform(series(), resumed_at=NOW)

    (hole,) = [v for v in watch.look(seen(NOW), NOW) if v.scope == "looks"]
    after = watch.look(seen(NOW), NOW + MINUTE)

    assert hole.text.startswith(
        "nobody looked from 2026-11-21 09:05 UTC to 2026-11-21 12:05 UTC, 180 min:"
    )
    assert (hole.rule, hole.value, hole.since) == ("platform_was_down", 180, NOW - 3 * HOUR)
    assert of_rule(after, "platform_was_down") == {("requests", ""): "ok"}


def test_two_holes_are_two_events() -> None:
    def member(ago: timedelta) -> str:
        found = judged(platform(series(), previous=PreviousLook(NOW - ago, MINUTE)))
        return next(v.member for v in found if v.scope == "looks")

    assert member(HOUR) != member(2 * HOUR)


def test_after_a_hole_only_the_hole_is_told_while_all_is_caught_up() -> None:
    """Three hours down: data, settlements, daemons, schedules and completeness are behind."""
    late = Ticker("schedule", "hourly", next_due_at=NOW - 2 * HOUR)
    dead = Ticker("daemon", "SENSOR", last_tick_at=NOW - 3 * HOUR, due_every=MINUTE)
    behind = platform(
        series(age=4 * HOUR),
        funding(age=11 * HOUR),
        tickers=(late, dead),
        answers=(answering(ago=3 * HOUR),),
        resumed_at=NOW,
    )
    watch = Watching(interval=5 * MINUTE)
    watch.look(platform(series()), NOW - 3 * HOUR)

    told = [keys(watch.look(behind, now)) for now in every(5 * MINUTE, 4)]

    (hole,) = told[0]
    assert hole[:2] == ("platform_was_down", "looks")
    assert told[1:3] == [set(), set()]
    assert {rule for rule, _, _ in told[3]} == {"platform_was_down", "not_ticking"}


def test_what_is_not_caught_up_in_time_is_told() -> None:
    late = Ticker("schedule", "hourly", next_due_at=NOW - 2 * HOUR)
    behind = platform(series(age=4 * HOUR), tickers=(late,), resumed_at=NOW - 16 * MINUTE)

    assert keys(judged(behind)) == {
        ("freshness", "binance ohlcv", "BTCUSDT 1h"),
        ("not_ticking", "schedule", "hourly"),
    }


def test_nobody_asks_although_rows_are_due_is_us_and_no_venue() -> None:
    """Looks come, but no run starts: every venue's data are behind for one reason."""
    stuck = platform(
        series(age=4 * HOUR),
        funding(age=11 * HOUR),
        series(venue="okx", age=4 * HOUR),
        answers=(
            failing(ago=121 * MINUTE, requests=0, failed={}, p95_latency_ms=None),
            answering("okx", ago=3 * HOUR),
        ),
    )

    found = judged(stuck)

    assert keys(found) == {NOBODY_ASKS}
    assert one(found, *NOBODY_ASKS).text == (
        "3 series are overdue, and the newest request to a venue is of 2026-11-21 10:04 UTC"
    )


def test_one_request_to_any_venue_is_a_sign_of_life() -> None:
    stuck = platform(
        series(age=4 * HOUR),
        series(venue="okx", age=4 * HOUR),
        answers=(answering(ago=4 * HOUR), answering("okx", ago=HOUR)),
    )

    assert one(judged(stuck), *NOBODY_ASKS).state == "ok"
    assert ("freshness", "binance ohlcv", "BTCUSDT 1h") in keys(judged(stuck))


@pytest.mark.parametrize(
    ("began", "answers", "state"),
    [
        (NOW - HOUR, (), "ok"),  # a fresh install has asked nobody yet
        (LONG_AGO, (), "failing"),
        (LONG_AGO, None, "unknown"),
        (None, (), "ok"),
    ],
)
def test_who_never_asked_anybody_is_down_once_rows_are_overdue(
    began: datetime | None, answers: tuple[()] | None, state: str
) -> None:
    seen = platform(series(age=4 * HOUR), began_at=began, answers=answers)

    assert one(judged(seen), *NOBODY_ASKS).state == state


def test_nobody_needs_to_ask_when_nothing_is_overdue() -> None:
    collected = series(age=30 * DAY, collect_until=NOW - 30 * DAY)

    assert one(judged(platform(collected, answers=())), *NOBODY_ASKS).state == "ok"


# Clocks.


def test_a_clock_behind_the_venues_is_told_and_nothing_else_about_time() -> None:
    seen = platform(
        series(age=-HOUR),
        series("ETHUSDT", age=-HOUR),
        series(venue="okx", age=4 * HOUR),
        checks=(CheckState("raw.okx_ohlcv", "off_grid", "error", False, NOW, 1),),
        storage=Storage(disk_free_bytes=1, disk_total_bytes=100),
    )

    assert keys(judged(seen)) == {("watch_failed", "clock", ""), ("disk_left", "", "")}


def test_what_has_happened_is_told_even_by_a_wrong_clock() -> None:
    change = InstrumentChange("okx", "BTCUSDT", "tick_size", "1", "2", NOW, LONG_AGO)
    seen = platform(series(age=-HOUR), instrument_changes=(change,))

    assert ("instrument_changed", "okx") in {key[:2] for key in keys(judged(seen))}


def test_one_row_of_the_future_is_not_our_clock() -> None:
    seen = platform(series(age=-HOUR), series("ETHUSDT"), series(venue="okx", age=4 * HOUR))

    assert keys(judged(seen)) == {("freshness", "okx ohlcv", "BTCUSDT 1h")}
    assert one(judged(seen), "watch_failed", "clock").state == "ok"


def test_a_clock_set_back_is_told_once_and_looks_go_on() -> None:
    watch = Watching()
    watch.look(platform(series()), NOW + 2 * HOUR)

    first = watch.look(platform(series()), NOW)
    second = watch.look(platform(series()), NOW + MINUTE)

    (event,) = [v for v in first if v.scope == "clock set back"]
    assert event.is_event
    assert "went back by 120 min or more" in event.text
    assert not keys(second)


def test_a_clock_that_jumped_forward_is_a_hole_and_no_flood() -> None:
    """Data were fresh at noon; the clock then says 18:00."""
    watch = Watching()
    fresh = [series(f"S{number}USDT") for number in range(50)]
    watch.look(platform(*fresh), NOW)

    found = watch.look(platform(*fresh), NOW + 6 * HOUR)

    assert {rule for rule, _, _ in keys(found)} == {"platform_was_down"}
    assert [v.scope for v in found if v.state == "failing" and v.is_event] == ["looks"]


def test_small_corrections_of_a_clock_are_no_news() -> None:
    watch = Watching()
    seen = platform(series())

    for seconds in (0, 60, 58, 40, 100, 99, 160):
        assert not keys(watch.look(seen, NOW + timedelta(seconds=seconds)))


def test_a_look_without_one_before_it_has_no_hole() -> None:
    assert not keys(judged(replace(platform(series()), previous=None)))
