"""Who hears of what, and when: routes, quiet hours, and messages that events have overtaken."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alert_support import at, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_desk import PaperDesk

from market_assets.alerts.quiet import is_quiet, quiet_until
from market_assets.settings.alerts import QuietHours

NIGHT = {"quiet_hours": {"start": "22:00", "end": "07:00"}}
# NOON is 12:00 UTC: minutes until 23:00 the same day, and until 07:00 the next.
NIGHTFALL, MORNING = 11 * 60, 19 * 60


def quiet(start: str | None, end: str | None, zone: str = "UTC") -> QuietHours:
    return QuietHours.model_validate({"start": start, "end": end, "time_zone": zone})


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        (quiet(None, None), "2026-03-10T03:00Z", False),
        (quiet("22:00", "07:00"), "2026-03-10T21:59Z", False),
        (quiet("22:00", "07:00"), "2026-03-10T22:00Z", True),
        (quiet("22:00", "07:00"), "2026-03-10T06:59Z", True),
        (quiet("22:00", "07:00"), "2026-03-10T07:00Z", False),
        (quiet("12:00", "14:00"), "2026-03-10T13:00Z", True),
        (quiet("12:00", "14:00"), "2026-03-10T14:00Z", False),
        (quiet("22:00", "07:00", "Asia/Tokyo"), "2026-03-10T13:00Z", True),
        # Berlin: 06:30 is 05:30 UTC before 29 March 2026, and 04:30 UTC after it.
        (quiet("22:00", "07:00", "Europe/Berlin"), "2026-03-28T05:59Z", True),
        (quiet("22:00", "07:00", "Europe/Berlin"), "2026-03-29T04:59Z", True),
        (quiet("22:00", "07:00", "Europe/Berlin"), "2026-03-29T05:30Z", False),
    ],
)
def test_quiet_hours_go_by_the_wall_clock(hours: QuietHours, moment: str, expected: bool) -> None:
    assert is_quiet(hours, datetime.fromisoformat(moment)) is expected


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-03-28T22:30Z", "2026-03-29T05:00Z"),  # the night that loses an hour
        ("2026-03-27T22:30Z", "2026-03-28T06:00Z"),
        ("2026-03-28T03:00Z", "2026-03-28T06:00Z"),
        ("2026-10-24T22:30Z", "2026-10-25T06:00Z"),  # the night that gains one
    ],
)
def test_quiet_hours_end_by_the_wall_clock(moment: str, end: str) -> None:
    hours = quiet("22:00", "07:00", "Europe/Berlin")
    assert quiet_until(hours, datetime.fromisoformat(moment)) == datetime.fromisoformat(end)


@settings(deadline=None)
@given(
    st.times().map(lambda t: f"{t:%H:%M}"),
    st.times().map(lambda t: f"{t:%H:%M}"),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
)
def test_quiet_hours_end_within_25_hours_and_it_is_not_quiet_then(
    start: str, end: str, zone: str, now: datetime
) -> None:
    if start == end:
        return
    hours = quiet(start, end, zone)
    if is_quiet(hours, now):
        until = quiet_until(hours, now)
        assert timedelta(0) < until - now <= timedelta(hours=25)
        # One that is skipped by the clock ends an hour later by the wall.
        assert not is_quiet(hours, until + timedelta(hours=1)) or not is_quiet(hours, until)


def test_at_night_only_what_is_critical_is_told_and_the_rest_in_the_morning() -> None:
    desk = PaperDesk(**NIGHT, severities={"freshness": "critical"})
    look = [verdict(), verdict(rule="freshness")]
    assert desk.look(look, at(NIGHTFALL)) == ["ops fired"]
    held = [message for message in desk.deliveries if message.outcome == "held"]
    assert [(m.channel, m.due_at) for m in held] == [("ops", at(MORNING))]
    assert desk.look(look, at(NIGHTFALL + 60)) == []
    assert desk.look(look, at(MORNING - 1)) == []
    assert desk.look(look, at(MORNING)) == ["ops fired"]
    assert desk.look(look, at(MORNING + 1)) == []


def test_the_log_is_told_at_night_too() -> None:
    desk = PaperDesk(**NIGHT)
    desk.look([verdict()], at(NIGHTFALL))
    assert {m.channel: m.outcome for m in desk.deliveries} == {"log": "sent", "ops": "held"}


def test_what_was_over_by_the_morning_is_dropped_and_that_is_recorded() -> None:
    desk = PaperDesk(**NIGHT)
    desk.look([verdict()], at(NIGHTFALL))
    desk.look([verdict("ok")], at(NIGHTFALL + 5))
    assert desk.look([verdict("ok")], at(MORNING)) == []
    [message] = [m for m in desk.deliveries if m.channel == "ops"]
    assert message.outcome == "dropped"
    assert "resolved before it could be told" in message.error


def test_the_end_of_what_was_told_by_day_is_held_and_dropped_when_it_fires_again() -> None:
    for state, told in (("ok", ["ops resolved"]), ("failing", ["ops reminder"])):
        desk = PaperDesk(**NIGHT)
        desk.look([verdict()], at(0))
        assert desk.look([verdict("ok")], at(NIGHTFALL)) == []
        desk.look([verdict(state)], at(NIGHTFALL + 1))
        assert desk.look([verdict(state)], at(MORNING)) == told


def test_what_becomes_critical_at_night_is_told_and_its_held_message_is_overtaken() -> None:
    desk = PaperDesk(**NIGHT)
    desk.look([verdict()], at(NIGHTFALL))
    assert desk.look([verdict(severity="critical")], at(NIGHTFALL + 1)) == ["ops fired"]
    assert desk.look([verdict(severity="critical")], at(MORNING)) == []


def test_held_events_are_told_in_the_morning_each_though_they_are_over() -> None:
    desk = PaperDesk(**NIGHT)
    for minute, name in enumerate("AB"):
        event = verdict(member=name, rule="instrument_changed", is_event=True, since=at(minute))
        desk.look([event], at(NIGHTFALL + minute))
    over = verdict("ok", rule="instrument_changed")
    assert desk.look([over], at(NIGHTFALL + 5)) == []
    assert desk.look([over], at(MORNING)) == ["ops news", "ops news"]


def test_no_reminders_at_night_but_one_in_the_morning() -> None:
    desk = PaperDesk(**NIGHT, repeat_minutes=60)
    looks = (0, 60, *range(NIGHTFALL, MORNING, 60), MORNING, MORNING + 1)
    told = [desk.look([verdict()], at(minute)) for minute in looks]
    quiet_looks = len(range(NIGHTFALL, MORNING, 60))
    assert told == [["ops fired"], ["ops reminder"], *[[]] * quiet_looks, ["ops reminder"], []]


def test_routes_by_severity_and_the_end_goes_to_those_who_heard_of_the_beginning() -> None:
    routes = {"info": ["log"], "warning": ["chat"], "critical": ["chat", "pager"]}
    desk = PaperDesk(("chat", "pager"), routes=routes)
    assert desk.look([verdict(severity="info")], at(0)) == []
    assert desk.look([verdict()], at(1)) == ["chat fired"]
    assert desk.look([verdict("ok")], at(2)) == ["chat resolved"]
    desk.look([verdict(severity="critical")], at(60))
    # It is milder at its end, but the pager has rung.
    desk.look([verdict(severity="info")], at(61))
    assert desk.look([verdict("ok")], at(62)) == ["chat resolved", "pager resolved"]


def test_the_escalation_channel_hears_of_the_end_too() -> None:
    routes = {"critical": ["chat"], "escalation": ["boss"]}
    desk = PaperDesk(("chat", "boss"), routes=routes, severities={"completeness": "critical"})
    assert desk.look([verdict()], at(0)) == ["chat fired"]
    assert desk.look([verdict()], at(60)) == ["boss escalated"]
    assert desk.look([verdict("ok")], at(61)) == ["chat resolved", "boss resolved"]


def test_a_failing_channel_is_told_to_the_log_and_never_to_itself() -> None:
    routes = {"warning": ["chat", "mail"]}
    desk = PaperDesk(("chat", "mail"), routes=routes)
    bad = verdict("failing", "", rule="delivery_failed", scope="chat")
    assert desk.look([bad], at(0)) == ["mail fired"]
    assert [m.channel for m in desk.deliveries] == ["log", "mail"]


def test_a_message_that_fails_is_tried_with_doubling_pauses_then_given_up() -> None:
    desk = PaperDesk(delivery={"attempts": 4, "first_pause_seconds": 60})
    desk.broken = {"ops"}
    tries = [m / 2 for m in range(60) if desk.look([verdict()], at(m / 2))]
    assert tries == [0, 1, 3, 7]
    assert [m.outcome for m in desk.deliveries if m.channel == "ops"] == ["given_up"]
    # Who never heard of the beginning is not told of the end.
    assert desk.look([verdict("ok")], at(60)) == []


def test_a_retry_that_a_wrong_clock_put_off_for_a_year_is_tried_now() -> None:
    desk = PaperDesk(repeat_minutes=0)
    desk.broken = {"ops"}
    desk.look([verdict()], at(525_600))
    assert desk.look([verdict()], at(0)) == ["ops fired"]


def test_a_message_of_a_dead_process_is_unknown_not_sent_again_and_counts_as_heard() -> None:
    desk = PaperDesk()
    desk.look([verdict()], at(0))
    # The outcomes were never recorded.
    desk.messages = [m for m in desk.messages if m.outcome == "sending"]
    assert desk.look([verdict()], at(1)) == []
    assert desk.look([verdict()], at(6)) == []
    assert [m.outcome for m in desk.deliveries] == ["unknown", "unknown"]
    assert desk.look([verdict("ok")], at(7)) == ["ops resolved"]


def test_the_end_that_did_not_arrive_is_dropped_when_the_trouble_has_begun_anew() -> None:
    desk = PaperDesk(cooldown_minutes=0, delivery={"first_pause_seconds": 3600})
    desk.look([verdict()], at(0))
    desk.broken = {"ops"}
    desk.look([verdict("ok")], at(1))
    desk.broken = set()
    assert desk.look([verdict()], at(2)) == ["ops fired"]
    assert desk.look([verdict()], at(90)) == []
    assert [m.kind for m in desk.deliveries if m.outcome == "dropped"] == ["resolved"]


def test_held_news_of_a_rule_that_is_turned_off_is_dropped() -> None:
    event = verdict(rule="instrument_changed", is_event=True, since=at(0))
    desk = PaperDesk(**NIGHT)
    desk.look([event], at(NIGHTFALL))
    off = PaperDesk(**NIGHT, severities={"instrument_changed": "off"})
    off.rows, off.messages = desk.rows, desk.messages
    assert off.look([event], at(MORNING)) == []
    assert [m.outcome for m in off.deliveries if m.channel == "ops"] == ["dropped"]


def test_a_waiting_message_to_a_channel_that_was_removed_is_dropped() -> None:
    desk = PaperDesk()
    desk.broken = {"ops"}
    desk.look([verdict()], at(0))
    without = PaperDesk(())
    without.rows, without.messages = desk.rows, desk.messages
    assert without.look([verdict()], at(10)) == []
    assert [m.outcome for m in without.deliveries] == ["sent", "dropped"]


looks = st.lists(
    st.fixed_dictionaries(
        {
            "minutes": st.one_of(st.floats(0, 90), st.floats(-200, 2000)),
            "states": st.lists(
                st.sampled_from(["ok", "failing", "unknown"]), min_size=1, max_size=3
            ),
            "severity": st.sampled_from([None, "info", "critical"]),
            "broken": st.sets(st.sampled_from(["ops", "boss"])),
            "ack": st.booleans(),
        }
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(looks, st.sampled_from([0, 5]), st.sampled_from([0, 15, 240]), st.booleans())
def test_laws_of_any_history(
    history: list[dict[str, Any]], for_minutes: int, cooldown: int, nights: bool
) -> None:
    desk = PaperDesk(
        ("ops", "boss"),
        for_minutes=for_minutes,
        cooldown_minutes=cooldown,
        repeat_minutes=60,
        routes={"info": ["ops"], "warning": ["ops"], "critical": ["ops"], "escalation": ["boss"]},
        delivery={"attempts": 2},
        **(NIGHT if nights else {}),
    )
    minute = 0.0
    for step in history:
        minute += step["minutes"]
        desk.broken = step["broken"]
        look = [
            verdict(state, f"S{n}", severity=step["severity"])
            for n, state in enumerate(step["states"])
        ]
        desk.look(look, at(minute))
        # The same look once more: nothing changes, nothing is sent.
        rows, messages = list(desk.rows), list(desk.messages)
        assert desk.look(look, at(minute)) == []
        assert (desk.rows, desk.messages) == (rows, messages)
        if step["ack"]:
            desk.acknowledge(at(minute))
    rows = sorted(desk.rows, key=lambda row: row.sequence)
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    for before, after in itertools.pairwise(rows):
        if before.alert_id != after.alert_id:
            assert before.state == "resolved"  # never two open alerts of a key
    arrived = [m for m in desk.messages if m.outcome == "sent"]
    assert len({m.message_id for m in arrived}) == len(arrived)  # nothing twice
    for channel in ("ops", "boss"):
        told: set[str] = set()
        for message in (m for m in arrived if m.channel == channel):
            if message.kind == "resolved":
                assert message.alert_id in told  # an end only after a beginning, and once
                told.remove(message.alert_id)
            else:
                told.add(message.alert_id)
