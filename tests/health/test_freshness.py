"""Rows that do not come: when that is told, as what, and when not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
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
    answering,
    every,
    failing,
    judged,
    keys,
    one,
    platform,
    series,
)

from market_assets.health.observed import Observed, PreviousLook, Series

BTC = ("freshness", "binance ohlcv", "BTCUSDT 1h")


def freshness(observed: Series, now: datetime = NOW) -> str:
    return one(judged(platform(observed), now=now), *BTC).state


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(), "ok"),
        (119 * MINUTE, "ok"),
        (120 * MINUTE, "ok"),  # the limit itself is allowed
        (120 * MINUTE + timedelta(seconds=1), "failing"),
        (30 * DAY, "failing"),
    ],
)
def test_data_are_stale_beyond_their_limit(age: timedelta, state: str) -> None:
    assert freshness(series(age=age)) == state


def test_rows_that_are_stored_no_more_are_stale_whatever_their_own_time_says() -> None:
    stored_long_ago = series(age=timedelta(), newest_ingestion_at=NOW - 121 * MINUTE)

    assert freshness(stored_long_ago) == "failing"
    assert freshness(replace(stored_long_ago, newest_ingestion_at=NOW - 119 * MINUTE)) == "ok"


def test_old_rows_that_are_stored_just_now_do_not_make_data_fresh() -> None:
    """A backfill stores rows all the time; the newest one stays as old as it is."""
    assert freshness(series(age=3 * HOUR, newest_ingestion_at=NOW)) == "failing"


@pytest.mark.parametrize(
    ("due_every", "fine", "stale"),
    [
        (MINUTE, 119, 121),
        (HOUR, 119, 121),
        (2 * HOUR, 239, 241),  # due as far apart as the limit: the limit comes on top
        (4 * HOUR, 359, 361),
        (8 * HOUR, 599, 601),
        (24 * HOUR, 1559, 1561),
    ],
)
def test_rows_that_are_due_further_apart_may_be_as_much_older(
    due_every: timedelta, fine: int, stale: int
) -> None:
    assert freshness(series(age=fine * MINUTE, due_every=due_every)) == "ok"
    assert freshness(series(age=stale * MINUTE, due_every=due_every)) == "failing"


def test_a_verdict_says_what_is_how_old_and_since_when_it_is_too_old() -> None:
    found = one(judged(platform(series(age=185 * MINUTE))), *BTC)

    assert found.text == (
        "newest data of 2026-11-21 09:00 UTC, 185 min old, stored 2026-11-21 09:01 UTC (limit"
        " 120); binance answers (2026-11-21 12:02 UTC) and sends nothing new"
    )
    assert (found.value, found.limit, found.severity) == (185, 120, None)
    assert found.since == NOW - 65 * MINUTE


def test_who_asks_nobody_reads_that_nobody_asked() -> None:
    asked = {"answers": (answering(ago=3 * HOUR), answering("okx"))}
    found = judged(platform(series(age=3 * HOUR), series(venue="okx"), **asked))

    assert one(found, *BTC).text.endswith("nobody has asked binance since 2026-11-21 09:05 UTC")
    assert one(found, *BTC).state == "failing"
    never = judged(platform(series(age=3 * HOUR), answers=(answering(last_ok_at=None),)))
    assert "nobody has ever asked binance" in one(never, *BTC).text


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"delisted_at": NOW}, "ok"),
        ({"delisted_at": NOW + MINUTE}, "failing"),  # announced, and still trading
        ({"collect_until": NOW - DAY}, "ok"),  # the configured last day has passed
        ({"collect_until": NOW + DAY}, "failing"),
        ({"is_halted": True}, "ok"),
        ({"listed_at": NOW + HOUR}, "ok"),  # preopen
        ({"collect_from": NOW + HOUR}, "ok"),
        # Relisted under the old name, or taken up again: rows from before that owe nothing.
        ({"listed_at": NOW - HOUR}, "ok"),
        ({"collect_from": NOW - HOUR}, "ok"),
        ({"wanted_since": NOW - HOUR}, "ok"),
        ({"listed_at": NOW - 3 * HOUR}, "failing"),
        ({"wanted_since": NOW - 3 * HOUR}, "failing"),
    ],
)
def test_only_what_is_owed_can_be_stale(told: dict[str, datetime], state: str) -> None:
    assert freshness(series(age=10 * DAY, **told)) == state


def test_a_symbol_that_is_delisted_while_it_is_told_as_stale_is_over() -> None:
    def seen(now: datetime) -> Observed:
        return platform(series(age=2 * HOUR, delisted_at=NOW + 3 * MINUTE))

    assert Watching().story(seen, every(MINUTE, 5), *BTC) == ".XX.."


@pytest.mark.parametrize(
    ("began", "told", "state"),
    [
        (NOW, {}, "unknown"),  # a fresh install has no data, and that is no alarm
        (NOW - 2 * HOUR, {}, "unknown"),
        (NOW - 2 * HOUR - MINUTE, {}, "failing"),
        (LONG_AGO, {"wanted_since": NOW - HOUR}, "unknown"),  # a symbol added an hour ago
        (LONG_AGO, {"listed_at": NOW - HOUR}, "unknown"),
        (LONG_AGO, {}, "failing"),
        (None, {}, "unknown"),  # nobody knows since when a row is due
        (None, {"wanted_since": LONG_AGO}, "failing"),
    ],
)
def test_no_row_at_all_is_told_only_after_the_time_that_the_first_may_take(
    began: datetime | None, told: dict[str, datetime], state: str
) -> None:
    found = judged(platform(series(age=None, **told), began_at=began))

    assert one(found, *BTC).state == state


def test_a_series_crosses_the_line_recovers_and_crosses_again() -> None:
    """Hourly candles; the venue sends none at 13:00 and 14:00, then again, then never again."""
    closes = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (11, 12, 15, 16)]

    def seen(now: datetime) -> Observed:
        newest = max(close for close in closes if close + 2 * MINUTE <= now)
        stored = series(newest_data_at=newest, newest_ingestion_at=newest + MINUTE)
        return platform(stored, answers=(answering(last_ok_at=now),))

    looks = every(30 * MINUTE, 16, start=NOW)

    told = Watching(interval=30 * MINUTE).story(seen, looks, *BTC)

    # 12:05 ... 14:05 is 125 min after 12:00; the candle of 15:00 ends it; 18:05 is late again
    assert told == "....XX......XXXX"


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # Europe falls back
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # New York falls back: 01:30 comes twice
        datetime(2026, 3, 8, 7, 30, tzinfo=UTC),  # and springs forward
        datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
        datetime(2028, 2, 29, 0, 0, tzinfo=UTC),
    ],
)
def test_time_zones_and_changes_of_clocks_make_no_row_older(zone: str, now: datetime) -> None:
    def moved(at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(zone))

    for minutes, state in ((119, "ok"), (121, "failing")):
        newest = now - minutes * MINUTE
        stored = series(
            newest_data_at=moved(newest), newest_ingestion_at=newest, collect_from=moved(LONG_AGO)
        )
        plain = series(newest_data_at=newest, newest_ingestion_at=newest)
        asked = (answering(last_ok_at=moved(now)),)
        previous = PreviousLook(moved(now - MINUTE), MINUTE)
        here = judged(platform(stored, answers=asked, previous=previous), now=moved(now))
        asked = (answering(last_ok_at=now),)
        previous = replace(previous, at=now - MINUTE)
        there = judged(platform(plain, answers=asked, previous=previous), now=now)

        assert one(here, *BTC) == one(there, *BTC)
        assert one(here, *BTC).state == state


@pytest.mark.parametrize("hours", [-11, 5.5, 14])
def test_messages_say_utc_whatever_the_zone_of_the_machine(hours: float) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=hours)))

    assert one(judged(platform(series(age=3 * HOUR)), now=local), *BTC).text.startswith(
        "newest data of 2026-11-21 09:05 UTC"
    )


def test_a_look_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        judged(platform(series()), now=datetime(2026, 11, 21))


# The start, holes and clocks.


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"began_at": NOW - 14 * MINUTE}, "unknown"),
        ({"resumed_at": NOW - 14 * MINUTE}, "unknown"),
        ({"resumed_at": NOW - 15 * MINUTE}, "failing"),
        ({"previous": PreviousLook(NOW - HOUR, MINUTE)}, "unknown"),  # this look ends a hole
    ],
)
def test_what_was_not_collected_while_we_were_down_is_caught_up_before_it_is_stale(
    told: dict[str, object], state: str
) -> None:
    assert one(judged(platform(series(age=5 * HOUR), **told)), *BTC).state == state


def test_what_could_not_be_seen_is_not_known_and_nothing_is_resolved() -> None:
    found = judged(platform(series=None))

    assert one(found, "freshness").state == "unknown"
    assert one(found, "silent_symbol").state == "unknown"
    assert not keys(found)


def test_a_row_of_the_future_proves_nothing() -> None:
    found = judged(platform(series(age=-DAY), series("ETHUSDT")))

    assert one(found, *BTC).state == "unknown"
    assert one(found, "silent_symbol", *BTC[1:]).state == "unknown"
    assert not keys(found)


def test_a_clock_that_is_a_little_off_is_none_that_is_wrong() -> None:
    assert freshness(series(age=-5 * MINUTE)) == "ok"
    assert freshness(series(age=-5 * MINUTE - timedelta(seconds=1))) == "unknown"


def test_rows_stored_by_a_clock_that_was_ahead_are_judged_by_their_own_time() -> None:
    assert freshness(series(newest_ingestion_at=NOW + 365 * DAY)) == "ok"
    assert freshness(series(age=3 * HOUR, newest_ingestion_at=NOW + 365 * DAY)) == "failing"


def test_a_stricter_limit_is_kept() -> None:
    strict = replace(POLICY, freshness=70 * MINUTE)

    assert one(judged(platform(series(age=71 * MINUTE)), strict), *BTC).state == "failing"
    assert one(judged(platform(series(age=69 * MINUTE)), strict), *BTC).state == "ok"


def test_a_venue_that_fails_but_is_not_down_yet_leaves_its_rows_to_freshness() -> None:
    shaky = failing(failed_since_ok={"timeout": 2})
    found = judged(platform(series(age=3 * HOUR), answers=(shaky,)))

    assert one(found, *BTC).state == "failing"
    assert one(found, *BTC).text.endswith("binance last failed to answer 2026-11-21 12:02 UTC")
