"""What venues change about their contracts: told once, for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from health_support import DAY, HOUR, LONG_AGO, MINUTE, NOW, Watching, judged, platform

from market_assets.health.observed import InstrumentChange, InstrumentField
from market_assets.schemas.verdicts import Verdict


def change(
    changed: InstrumentField = "tick_size", old: str = "0.1", new: str = "0.01", **told: object
) -> InstrumentChange:
    given: dict[str, object] = {"seen_at": NOW - HOUR, "venue_known_since": LONG_AGO}
    return InstrumentChange("okx", "BTCUSDT", changed, old, new, **{**given, **told})  # type: ignore[arg-type]


def events(*changes: InstrumentChange) -> list[Verdict]:
    found = judged(platform(instrument_changes=changes))
    return [v for v in found if v.rule == "instrument_changed"]


@pytest.mark.parametrize(
    ("changed", "old", "new", "text"),
    [
        ("listed", "", "2026-11-21", "BTCUSDT is listed since 2026-11-21"),
        ("listed", "", "", "BTCUSDT is listed"),
        ("delisted", "", "2026-11-30 08:00", "BTCUSDT is delisted at 2026-11-30 08:00"),
        ("status", "trading", "halted", "BTCUSDT has another status: trading -> halted"),
        ("tick_size", "0.1", "0.01", "BTCUSDT has another tick size: 0.1 -> 0.01"),
        ("lot_size", "0.1", "1", "BTCUSDT has another lot size: 0.1 -> 1"),
        ("contract_size", "", "1", "BTCUSDT has another contract size: none -> 1"),
        (
            "funding_interval_hours",
            "8",
            "4",
            "BTCUSDT has another funding interval in hours: 8 -> 4",
        ),
    ],
)
def test_a_change_is_an_event_that_says_what_was_and_what_is(
    changed: InstrumentField, old: str, new: str, text: str
) -> None:
    (event,) = events(change(changed, old, new))

    assert event.text == f"{text}, seen 2026-11-21 11:05 UTC"
    assert (event.state, event.is_event, event.scope) == ("failing", True, "okx")
    assert event.since == NOW - HOUR


@pytest.mark.parametrize(
    ("ago", "is_told"),
    [(timedelta(), True), (DAY, True), (DAY + MINUTE, False), (-3 * MINUTE, True), (-HOUR, False)],
)
def test_a_change_is_news_for_a_day(ago: timedelta, is_told: bool) -> None:
    assert bool(events(change(seen_at=NOW - ago))) is is_told


def test_the_first_list_of_a_venue_is_no_news() -> None:
    assert not events(change("listed", venue_known_since=NOW - HOUR))
    assert not events(change("listed", venue_known_since=None))
    assert events(change("listed", venue_known_since=NOW - 2 * HOUR))
    # A change of what is known is always news.
    assert events(change("lot_size", venue_known_since=NOW - HOUR))


def test_an_event_keeps_its_name_as_long_as_it_is_seen_so_that_it_is_told_once() -> None:
    watch = Watching()
    names = set()
    for minute in range(5):
        found = watch.look(platform(instrument_changes=(change(),)), NOW + minute * MINUTE)
        names |= {v.member for v in found if v.is_event}

    assert names == {"BTCUSDT tick_size 2026-11-21 11:05 UTC"}
    assert watch.previous is not None
    assert not watch.previous.failing  # nothing that has to recover


def test_two_changes_of_one_contract_are_two_events() -> None:
    found = events(change(), change("lot_size"), change(seen_at=NOW - 2 * HOUR))

    assert len({event.member for event in found}) == 3
