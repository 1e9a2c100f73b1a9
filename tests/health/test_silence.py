"""Symbols that are silent while others of their kind are not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from health_support import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    after_failing,
    funding,
    judged,
    keys,
    of_rule,
    one,
    platform,
    series,
)

from market_assets.health.observed import Series

BTC = ("freshness", "binance ohlcv", "BTCUSDT 1h")
ENDED = {"delisted_at": NOW - 10 * DAY}
QUIET = [series("ETHUSDT"), series("LINKUSDT")]
SILENT = ("silent_symbol", "binance ohlcv", "BTCUSDT 1h")


@pytest.mark.parametrize(
    ("age", "of_freshness", "is_silent"),
    [
        (119 * MINUTE, "ok", False),
        (121 * MINUTE, "unknown", False),
        (180 * MINUTE, "unknown", False),
        (181 * MINUTE, "unknown", True),
        (9 * DAY, "unknown", True),
    ],
)
def test_one_silent_symbol_among_others_is_told_as_that_and_later(
    age: timedelta, of_freshness: str, is_silent: bool
) -> None:
    found = judged(platform(series(age=age), *QUIET))

    assert one(found, *BTC).state == of_freshness
    assert keys(found) == ({SILENT} if is_silent else set())


def test_a_silent_symbol_that_prints_again_is_fine() -> None:
    silent = platform(series(age=4 * HOUR), *QUIET)
    spoken = after_failing(platform(series(), *QUIET), SILENT)

    assert keys(judged(silent)) == {SILENT}
    assert of_rule(judged(spoken), "silent_symbol") == {("binance ohlcv", ""): "ok"}


def test_connected_and_silent_as_a_whole_is_stale_data_of_a_venue_that_answers() -> None:
    found = judged(platform(series(age=4 * HOUR), series("ETHUSDT", age=4 * HOUR)))

    assert keys(found) == {BTC, ("freshness", "binance ohlcv", "ETHUSDT 1h")}
    assert "binance answers" in one(found, *BTC).text


@pytest.mark.parametrize(
    "others",
    [
        [],  # nobody to compare with
        [series("ETHUSDT", venue="okx")],  # another venue's rows say nothing of this one's
        [funding("ETHUSDT")],
        [series("ETHUSDT", interval="1m", due_every=MINUTE)],
        [series("ETHUSDT", **ENDED)],
        [series("ETHUSDT", age=None)],
    ],
)
def test_only_fresh_rows_of_the_same_kind_make_a_symbol_silent(others: list[Series]) -> None:
    found = judged(platform(series(age=4 * HOUR), *others))

    assert one(found, *BTC).state == "failing"
    assert SILENT not in keys(found)


def test_the_last_symbol_of_a_recovering_venue_stays_what_it_was_told_as() -> None:
    """All were stale, the others came back: the same absence gets no second alert."""
    seen = after_failing(platform(series(age=9 * HOUR), *QUIET), BTC)

    found = judged(seen)

    assert keys(found) == {BTC}
    assert one(found, *SILENT).state == "unknown"


def test_settlements_are_silent_after_their_own_interval() -> None:
    others = funding("ETHUSDT")
    key = ("silent_symbol", "binance funding_rates", "BTCUSDT")

    assert key not in keys(judged(platform(funding(age=11 * HOUR), others)))
    assert keys(judged(platform(funding(age=11 * HOUR + MINUTE), others))) == {key}
