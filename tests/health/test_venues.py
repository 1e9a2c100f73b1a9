"""Venues that do not answer, fail now and then, are slow, or have had enough of us."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from health_support import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICY,
    Watching,
    after_failing,
    answering,
    every,
    failing,
    funding,
    judged,
    keys,
    one,
    platform,
    series,
)

from market_assets.health.observed import (
    CheckState,
    DayCompleteness,
    FailedRun,
    Observed,
    VenueAnswers,
    VenueGate,
)

DOWN = ("venue_down", "binance", "")
OPEN = VenueGate("binance", circuit_open_until=NOW + MINUTE, reason="timeout")


def down(answers: VenueAnswers, *gates: VenueGate) -> str:
    return one(judged(platform(series(), answers=(answers,), gates=gates)), *DOWN).state


@pytest.mark.parametrize(
    ("since_ok", "state"),
    [
        ({}, "ok"),
        ({"timeout": 4}, "ok"),
        ({"timeout": 5}, "failing"),
        ({"timeout": 2, "server_error": 2, "cut": 1}, "failing"),
        ({"malformed": 5}, "failing"),  # a maintenance page is no answer
        ({"geo_blocked": 5}, "failing"),
        # The venue is there and says no: to one request, or to our pace.
        ({"refused": 50, "symbol_unknown": 50, "throttled": 50, "banned": 50}, "ok"),
        ({"cancelled": 500}, "ok"),  # our own doing
    ],
)
def test_a_venue_is_down_when_the_last_answers_in_a_row_were_none(
    since_ok: dict[str, int], state: str
) -> None:
    assert down(failing(failed_since_ok=since_ok)) == state


@pytest.mark.parametrize(
    ("asked", "gates", "state"),
    [
        (answering(), (OPEN,), "failing"),  # the breaker knows before the requests are recorded
        (answering(last_ok_at=None), (OPEN,), "failing"),
        (answering(last_ok_at=None), (), "unknown"),  # nobody has asked yet
        (failing(last_ok_at=None, failed_since_ok={"timeout": 1}), (), "unknown"),
        (failing(ago=119 * MINUTE), (), "failing"),
        (failing(ago=121 * MINUTE), (), "unknown"),  # nobody has tried again since
        (failing(ago=3 * HOUR), (replace(OPEN, circuit_open_until=NOW - HOUR),), "failing"),
        (failing(ago=3 * HOUR), (replace(OPEN, circuit_open_until=NOW - 3 * HOUR),), "unknown"),
    ],
)
def test_an_old_failure_says_nothing_about_now(
    asked: VenueAnswers, gates: tuple[VenueGate, ...], state: str
) -> None:
    assert down(asked, *gates) == state


def test_a_venue_that_is_down_says_how_it_fails() -> None:
    gate = replace(OPEN, reason="no answer within 10 s")
    found = judged(platform(series(), answers=(failing(),), gates=(gate,)))

    assert one(found, *DOWN).text == (
        "binance has given no good answer since 2026-11-21 08:05 UTC, 20 failed in a row (20"
        " timeout); nobody asks it before 2026-11-21 12:06 UTC: no answer within 10 s"
    )


def outage(venue: str = "binance") -> Observed:
    """Two venues; one of them has been down for hours, and everything of it shows that."""
    names = [f"S{number}USDT" for number in range(50)]
    stale = [series(name, venue=venue, age=4 * HOUR) for name in names]
    settled = [funding(name, venue=venue, age=11 * HOUR) for name in names]
    absent = [
        DayCompleteness(venue, "ohlcv", "1h", name, NOW.date(), 12, 4, missing=8) for name in names
    ]
    return platform(
        *stale,
        *settled,
        series(venue="aster"),
        answers=(failing(venue, failed={"timeout": 90}), answering("aster")),
        completeness=tuple(absent),
        checks=(
            CheckState(f"raw.{venue}_ohlcv", "completeness", "error", False, NOW - HOUR, 50),
            CheckState(f"raw.{venue}_ohlcv", "off_grid", "error", True, NOW - HOUR),
        ),
        failed_runs=(FailedRun("r1", "hourly", "12:00", NOW - MINUTE, venue=venue),),
    )


def test_one_venue_down_is_one_alert_and_not_fifty() -> None:
    found = judged(outage())

    assert keys(found) == {DOWN}
    hidden = {v.rule for v in found if "not told: binance is down" in v.text}
    assert hidden == {"freshness", "completeness", "error_rate", "check_failed", "run_failed"}
    # what is fine is still fine
    assert one(found, "check_failed", "raw.binance_ohlcv", "off_grid").state == "ok"


def test_what_is_wrong_elsewhere_is_told_beside_an_outage() -> None:
    seen = outage()
    elsewhere = replace(
        seen,
        series=(*(seen.series or ()), series(venue="okx", age=4 * HOUR)),
        answers=(*(seen.answers or ()), answering("okx", p95_latency_ms=9000.0)),
        checks=(CheckState("raw.okx_ohlcv", "off_grid", "error", False, NOW, 3),),
        failed_runs=(FailedRun("r2", "marts", "", NOW - MINUTE),),
    )

    assert keys(judged(elsewhere)) == {
        DOWN,
        ("freshness", "okx ohlcv", "BTCUSDT 1h"),
        ("api_latency", "okx", ""),
        ("check_failed", "raw.okx_ohlcv", "off_grid"),
        ("run_failed", "marts", ""),
    }


def test_a_rule_that_is_switched_off_silences_nothing() -> None:
    found = judged(outage(), replace(POLICY, off=frozenset({"venue_down"})))

    assert ("freshness", "binance ohlcv", "S7USDT 1h") in keys(found)
    assert ("run_failed", "hourly", "12:00") in keys(found)


def test_a_name_that_begins_like_a_venue_is_not_that_venue() -> None:
    seen = replace(
        outage(),
        checks=(CheckState("raw.binanceus_ohlcv", "off_grid", "error", False, NOW, 1),),
    )

    assert ("check_failed", "raw.binanceus_ohlcv", "off_grid") in keys(judged(seen))


@pytest.mark.parametrize(
    ("last_failed", "told"),
    [
        (58 * MINUTE, {DOWN}),  # hourly runs: found down at 11:07, up at 12:05
        (74 * MINUTE, {DOWN}),
        (76 * MINUTE, {("freshness", "binance ohlcv", "BTCUSDT 1h")}),
    ],
)
def test_a_venue_is_up_again_once_its_rows_are_caught_up_or_do_not_come(
    last_failed: timedelta, told: set[tuple[str, str, str]]
) -> None:
    back = answering(last_failed_at=NOW - last_failed)
    seen = after_failing(platform(series(age=5 * HOUR), answers=(back,)), DOWN)

    found = judged(seen)

    assert keys(found) == told
    caught_up = after_failing(platform(series(), answers=(back,)), DOWN)
    assert not keys(judged(caught_up))


def test_a_symbol_that_is_silent_anyway_keeps_no_venue_down() -> None:
    back = answering(last_failed_at=NOW - 10 * MINUTE)
    seen = platform(series(age=5 * DAY), series("ETHUSDT"), answers=(back,))

    assert one(judged(after_failing(seen, DOWN)), *DOWN).state == "ok"


def test_an_outage_is_told_from_its_beginning_to_its_end_by_nothing_else() -> None:
    """Down from 13:02 to 16:20 on hourly runs that retry each 20 minutes; rows return at 16:42."""
    start, end, rows = NOW + 57 * MINUTE, NOW + 255 * MINUTE, NOW + 277 * MINUTE

    def seen(now: datetime) -> Observed:
        asked = now - ((now - NOW) % (20 * MINUTE))
        if start <= asked < end:
            answers = failing(
                last_ok_at=start - MINUTE, last_failed_at=asked, failed_since_ok={"timeout": 8}
            )
        else:
            failed_at = end - 10 * MINUTE if asked >= end else None
            answers = answering(last_ok_at=asked, last_failed_at=failed_at)
        newest = now.replace(minute=0) if now < start or now >= rows else NOW.replace(minute=0)
        stored = [
            series(name, newest_data_at=newest, newest_ingestion_at=newest)
            for name in ("BTCUSDT", "ETHUSDT")
        ]
        return platform(*stored, answers=(answers,))

    watch = Watching(interval=5 * MINUTE)
    told = [sorted(keys(watch.look(seen(now), now))) for now in every(5 * MINUTE, 72)]

    assert [DOWN] in told
    assert all(found in ([], [DOWN]) for found in told)
    first, last = told.index([DOWN]), len(told) - 1 - told[::-1].index([DOWN])
    assert all(found == [DOWN] for found in told[first : last + 1])
    assert NOW + first * 5 * MINUTE < start + 25 * MINUTE
    assert rows - 5 * MINUTE <= NOW + last * 5 * MINUTE < rows


def test_a_venue_that_is_asked_again_is_not_forgotten_while_nobody_can_see_it() -> None:
    seen = platform(series(), answers=(failing(),))
    blind = replace(seen, answers=None)
    looks = iter([seen, blind, blind, seen, platform(series())])

    watch = Watching()
    states = []
    for now in every(MINUTE, 5):
        watch.look(next(looks), now)
        assert watch.previous is not None
        states.append(DOWN in watch.previous.failing)

    assert states == [True, True, True, True, False]
