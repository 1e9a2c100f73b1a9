"""How well and how fast venues answer, and how much of their patience is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from health_support import (
    MINUTE,
    NOW,
    POLICY,
    Watching,
    after_failing,
    answering,
    every,
    failing,
    judged,
    of_rule,
    one,
    platform,
    series,
)

from market_assets.health.observed import (
    BucketUse,
    Observed,
    VenueGate,
)

DOWN = ("venue_down", "binance", "")


@pytest.mark.parametrize(
    ("requests", "failed", "state"),
    [
        (100, {}, "ok"),
        (100, {"timeout": 5}, "ok"),
        (100, {"timeout": 5, "cut": 1}, "failing"),
        (100, {"cancelled": 90}, "ok"),
        (20, {"timeout": 2}, "failing"),
        (19, {"timeout": 19}, "unknown"),  # too few for a rate
        (19, {}, "ok"),  # and enough to be fine
        (0, {}, "unknown"),
        (7, {"cancelled": 7}, "unknown"),
    ],
)
def test_an_error_rate_needs_enough_requests_to_be_bad(
    requests: int, failed: dict[str, int], state: str
) -> None:
    seen = platform(series(), answers=(answering(requests=requests, failed=failed),))

    assert one(judged(seen), "error_rate", "binance").state == state


def test_an_error_rate_names_what_failed() -> None:
    seen = platform(series(), answers=(answering(failed={"timeout": 30, "cut": 2}),))

    assert one(judged(seen), "error_rate", "binance").text == (
        "32 of 100 requests failed, 32.0 % (limit 5): 2 cut, 30 timeout"
    )


@pytest.mark.parametrize(
    ("rates", "states"),
    [
        ([4, 5, 6, 5, 4.6, 4.5, 4.9, 5.1, 0], "..XXX..X."),  # trembling on the line is one alert
        ([6, 4.9, 5.1, 4.9, 5.1, 4.4], "XXXXX."),
        ([4.9, 5, 4.9, 5], "...."),
    ],
)
def test_a_rate_that_flaps_around_its_limit_fails_until_it_is_clear_of_it(
    rates: list[float], states: str
) -> None:
    looks = every(MINUTE, len(rates))

    def seen(now: datetime) -> Observed:
        rate = rates[looks.index(now)]
        asked = answering(requests=1000, failed={"timeout": round(rate * 10)}, last_ok_at=now)
        return platform(series(), answers=(asked,))

    assert Watching().story(seen, looks, "error_rate", "binance") == states


@pytest.mark.parametrize(
    ("latency", "requests", "before", "state"),
    [
        (5000.0, 100, False, "ok"),
        (5001.0, 100, False, "failing"),
        (4600.0, 100, True, "failing"),
        (4500.0, 100, True, "ok"),
        (9000.0, 4, False, "unknown"),
        (90.0, 4, False, "ok"),
        (None, 100, True, "unknown"),
    ],
)
def test_a_venue_is_slow_by_its_p95(
    latency: float | None, requests: int, before: bool, state: str
) -> None:
    key = ("api_latency", "binance", "")
    seen = platform(series(), answers=(answering(p95_latency_ms=latency, requests=requests),))

    assert one(judged(after_failing(seen, *[key] * before)), *key).state == state


WINDOW = [  # minutes since the outage, failures in the window, p95: timeouts are slow
    (0, 90, 10_000.0),  # down
    (1, 90, 10_000.0),  # up again
    (20, 60, 10_000.0),
    (40, 30, 9_000.0),
    (60, 0, 120.0),
]


@pytest.mark.parametrize(
    ("changed", "rates"),
    [
        ({}, "????."),
        ({20: 91}, "??XX."),  # one more than there were: it is not the outage's
        ({40: 61}, "???X."),
        ({20: 90}, "????."),
    ],
)
def test_failures_of_an_outage_are_not_told_again_when_it_is_over(
    changed: dict[int, int], rates: str
) -> None:
    watch, story = Watching(interval=20 * MINUTE), ""
    for minute, usual, latency in WINDOW:
        now, failed = NOW + minute * MINUTE, {"timeout": changed.get(minute, usual)}
        asked = (failing if minute == 0 else answering)(
            failed=failed, p95_latency_ms=latency, last_ok_at=now, last_failed_at=NOW
        )
        found = watch.look(platform(series(newest_data_at=now), answers=(asked,)), now)
        rate = one(found, "error_rate", "binance").state
        assert (one(found, "venue_down", "binance").state == "failing") is (minute == 0)
        assert one(found, "api_latency", "binance").state == rate
        story += {"ok": ".", "failing": "X", "unknown": "?"}[rate]

    assert story == rates


def test_who_switched_off_outages_hears_of_their_failures() -> None:
    loud = replace(POLICY, off=frozenset({"venue_down"}))
    seen = platform(series(), answers=(answering(failed={"timeout": 90}),))

    assert one(judged(after_failing(seen, DOWN)), "error_rate", "binance").state == "unknown"
    assert one(judged(after_failing(seen, DOWN), loud), "error_rate", "binance").state == "failing"


def test_venues_nobody_can_see_are_neither_slow_nor_fast() -> None:
    found = judged(platform(series(), answers=None))

    for rule in ("venue_down", "error_rate", "api_latency"):
        assert of_rule(found, rule) == {("", ""): "unknown"}
    assert one(found, "platform_was_down", "requests").state == "unknown"


# Request budgets.


@pytest.mark.parametrize(
    ("used", "limit", "before", "state"),
    [
        (2160, 2400, False, "ok"),
        (2161, 2400, False, "failing"),
        (1945, 2400, True, "failing"),  # 81.04 %: not a tenth below the limit yet
        (1944, 2400, True, "ok"),
        (0, 0, False, "failing"),  # a budget of nothing is used up
    ],
)
def test_a_request_budget_is_told_before_it_is_used_up(
    used: int, limit: int, before: bool, state: str
) -> None:
    key = ("api_budget", "binance", "ip_weight")
    gate = VenueGate("binance", (BucketUse("ip_weight", used, limit, 60.0),))
    seen = platform(series(), gates=(gate,))

    assert one(judged(after_failing(seen, *[key] * before)), *key).state == state


def test_a_venue_that_wants_silence_is_told_until_it_has_had_it() -> None:
    gate = VenueGate("binance", paused_until=NOW + 2 * MINUTE, reason="banned (418)")

    def seen(now: datetime) -> Observed:
        return platform(series(), gates=(gate,))

    assert Watching().story(seen, every(MINUTE, 4), "api_budget", "binance", "pause") == "XX.."
    assert one(judged(seen(NOW)), "api_budget", "binance", "pause").text == (
        "nobody asks binance before 2026-11-21 12:07 UTC: banned (418)"
    )
