"""The life of an alert, look by look: a table, then what the table leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from alert_support import at, verdict
from paper_desk import PaperDesk

from market_assets.schemas.verdicts import Verdict

F, OK, NO = "failing", "ok", "unknown"
FIRED, ENDED, AGAIN, LOUDER = "ops fired", "ops resolved", "ops reminder", "ops escalated"
ACK = "acknowledge"
CRITICAL = {"severities": {"completeness": "critical"}}
ESCALATE = {
    "routes": {"critical": ["ops"], "escalation": ["ops"]},
    "escalate_minutes": 30,
    **CRITICAL,
}

# name -> (settings, looks as (minute, state or acknowledge, what ops is sent))
LIVES: dict[str, tuple[dict[str, Any], list[tuple[float, str, list[str]]]]] = {
    "fires once, ends once": (
        {},
        [(0, OK, []), (1, F, [FIRED]), (2, F, []), (3, OK, [ENDED]), (4, OK, [])],
    ),
    "unknown neither fires nor resolves": (
        {},
        [(0, NO, []), (1, F, [FIRED]), (2, NO, []), (3, F, []), (4, NO, []), (5, OK, [ENDED])],
    ),
    "for_minutes: told once it has lasted": (
        {"for_minutes": 5},
        [(0, F, []), (4, F, []), (5, F, [FIRED]), (6, OK, [ENDED])],
    ),
    "for_minutes: what passes by itself is never told, and begins anew": (
        {"for_minutes": 5},
        [(0, F, []), (4, OK, []), (5, F, []), (9, F, []), (10, F, [FIRED])],
    ),
    "for_minutes: what cannot be seen meanwhile does not begin anew": (
        {"for_minutes": 5},
        [(0, F, []), (3, NO, []), (6, NO, []), (7, F, [FIRED])],
    ),
    "cooldown: a flap reopens the old one without a word": (
        {"cooldown_minutes": 15},
        [(0, F, [FIRED]), (1, OK, [ENDED]), (2, F, []), (3, OK, []), (4, F, []), (5, OK, [])],
    ),
    "cooldown: what then lasts is told after all, and so is its end": (
        {"cooldown_minutes": 15},
        [
            (0, F, [FIRED]),
            (1, OK, [ENDED]),
            (2, F, []),
            (16, F, []),
            (17, F, [AGAIN]),
            (18, F, []),
            (19, OK, [ENDED]),
        ],
    ),
    "cooldown: what flaps on is told as often as what lasts": (
        {"cooldown_minutes": 15, "repeat_minutes": 60},
        [
            (0, F, [FIRED]),
            (1, OK, [ENDED]),
            (14, F, []),
            (15, OK, []),
            (29, F, []),
            (30, OK, []),
            (44, F, []),
            (45, OK, []),
            (59, F, []),
            (59.5, OK, []),
            (60, F, [FIRED]),
            (61, OK, [ENDED]),
            (62, F, []),
        ],
    ),
    "cooldown: what flaps on is not told again without reminders": (
        {"cooldown_minutes": 15, "repeat_minutes": 0},
        [(0, F, [FIRED]), (1, OK, [ENDED]), *[(m, F if m % 2 else OK, []) for m in range(2, 90)]],
    ),
    "cooldown: after it another alert fires": (
        {"cooldown_minutes": 15},
        [(0, F, [FIRED]), (1, OK, [ENDED]), (16, F, [FIRED])],
    ),
    "reminders": (
        {"repeat_minutes": 60},
        [(0, F, [FIRED]), (59, F, []), (60, F, [AGAIN]), (61, F, []), (120, F, [AGAIN])],
    ),
    "no reminders of what is acknowledged, but its end is told": (
        {"repeat_minutes": 60},
        [(0, F, [FIRED]), (1, ACK, []), (60, F, []), (600, F, []), (601, OK, [ENDED])],
    ),
    "no reminders at all": (
        {"repeat_minutes": 0},
        [(0, F, [FIRED]), (100_000, F, [])],
    ),
    "escalated once": (
        ESCALATE,
        [(0, F, [FIRED]), (29, F, []), (30, F, [LOUDER]), (31, F, []), (90, F, [])],
    ),
    "the time until a reopened one is escalated begins anew": (
        {**ESCALATE, "cooldown_minutes": 100},
        [(0, F, [FIRED]), (1, OK, [ENDED]), (40, F, []), (69, F, []), (70, F, [LOUDER])],
    ),
    "not escalated when acknowledged": (
        ESCALATE,
        [(0, F, [FIRED]), (29, ACK, []), (30, F, []), (90, F, [])],
    ),
    "not escalated when it is no more than a warning": (
        {**ESCALATE, "routes": {"warning": ["ops"], "escalation": ["ops"]}, "severities": {}},
        [(0, F, [FIRED]), (30, F, []), (90, F, [])],
    ),
    "never escalated when that is turned off": (
        {**ESCALATE, "escalate_minutes": 0},
        [(0, F, [FIRED]), (30, F, []), (90, F, [])],
    ),
    "an acknowledged alert that fires anew after its end is a new one": (
        {"repeat_minutes": 60},
        [(0, F, [FIRED]), (1, ACK, []), (2, OK, [ENDED]), (30, F, [FIRED]), (90, F, [AGAIN])],
    ),
    "no reminders and no escalation of what cannot be seen": (
        {**ESCALATE, "repeat_minutes": 20},
        [(0, F, [FIRED]), (20, NO, []), (40, NO, []), (41, F, [LOUDER]), (61, F, [AGAIN])],
    ),
    "a clock that goes back by seconds changes nothing": (
        {"repeat_minutes": 60},
        [(0, F, [FIRED]), (-0.5, F, []), (-0.2, OK, [ENDED]), (-0.1, OK, [])],
    ),
    "a clock that was a year ahead does not silence reminders for a year": (
        {"repeat_minutes": 60},
        [(525_600, F, [FIRED]), (0, F, [AGAIN]), (1, F, []), (60, F, [AGAIN])],
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_lives(name: str) -> None:
    settings, looks = LIVES[name]
    desk = PaperDesk(**settings)
    told = []
    for minute, state, _ in looks:
        if state == ACK:
            desk.acknowledge(at(minute))
            told.append([])
        else:
            told.append(desk.look([verdict(state)], at(minute)))
    assert told == [expected for _, _, expected in looks]


def test_all_troubles_of_a_rule_in_a_scope_are_one_alert_with_a_list() -> None:
    desk = PaperDesk()
    assert desk.look([verdict(member=f"S{n}") for n in range(50)], at(0)) == ["ops fired"]
    assert len(desk.only.members) == 50
    assert "50 times: S0, S1, S10, ..." in desk.only.title


def test_a_list_that_grows_or_shrinks_changes_the_alert_and_is_no_message() -> None:
    desk = PaperDesk()
    looks = [["A"], ["A", "B"], ["B"], ["B"]]
    told = [
        desk.look([verdict(member=name) for name in names], at(minute))
        for minute, names in enumerate(looks)
    ]
    assert told == [["ops fired"], [], [], []]
    assert [(row.change, len(row.members)) for row in desk.rows] == [
        ("fired", 1),
        ("grew", 2),
        ("shrank", 1),
    ]


def test_a_member_that_cannot_be_seen_stays_and_holds_the_alert() -> None:
    desk = PaperDesk()
    desk.look([verdict(member="A"), verdict(member="B")], at(0))
    assert desk.look([verdict("ok", "A"), verdict("unknown", "B")], at(1)) == []
    assert [member.name for member in desk.only.members] == ["B"]
    assert desk.look([verdict("ok", "A"), verdict("ok", "B")], at(2)) == ["ops resolved"]


def test_members_that_a_look_says_nothing_of_stay_when_it_could_not_see_them_all() -> None:
    for blind, kept in (([verdict("unknown", "")], ["B"]), ([], [])):
        desk = PaperDesk()
        desk.look([verdict(member="A"), verdict(member="B")], at(0))
        desk.look([verdict("ok", "A"), *blind], at(1))
        assert [m.name for m in desk.only.members if desk.only.is_open] == kept


def test_scopes_and_rules_are_alerts_of_their_own() -> None:
    desk = PaperDesk()
    look = [verdict(scope="okx"), verdict(), verdict(rule="error_rate"), verdict(scope="")]
    assert desk.look(look, at(0)) == ["ops fired"] * 4
    assert set(desk.alerts) == {
        "completeness/okx",
        "completeness/binance",
        "error_rate/binance",
        "completeness",
    }


def test_a_worse_severity_is_told_again_even_if_acknowledged_and_a_milder_one_is_not() -> None:
    desk = PaperDesk(cooldown_minutes=0)
    severities = ["info", "warning", None, "critical", "info", "critical"]
    told = []
    for minute, severity in enumerate(severities):
        told.append(desk.look([verdict(severity=severity)], at(minute)))
        desk.acknowledge(at(minute))
    # None is the rule's own: a warning. The way down and up again below the peak is no news.
    assert told == [["ops fired"], ["ops fired"], [], ["ops fired"], [], []]
    assert [row.severity for row in desk.rows if row.change == "eased"] == ["info", "critical"]


def test_the_worst_member_decides_how_bad_it_is() -> None:
    desk = PaperDesk()
    desk.look(
        [verdict(member="A", severity="info"), verdict(member="B", severity="critical")], at(0)
    )
    assert desk.only.severity == "critical"


def test_a_rule_that_is_turned_off_is_not_told_and_ends_what_fires_quietly() -> None:
    desk = PaperDesk()
    desk.look([verdict()], at(0))
    off = PaperDesk(severities={"completeness": "off"})
    off.rows, off.messages = desk.rows, desk.messages
    assert off.look([verdict(severity="critical")], at(1)) == []
    assert (off.only.state, off.only.change) == ("resolved", "silenced")
    assert off.look([verdict(severity="critical")], at(2)) == []


def test_an_alert_of_a_rule_that_no_longer_exists_ends_quietly() -> None:
    from dataclasses import replace

    desk = PaperDesk()
    desk.look([verdict()], at(0))
    desk.rows = [replace(desk.only, rule="of_old", key="of_old/binance")]
    assert desk.look([verdict("ok")], at(1)) == []
    assert desk.only.state == "resolved"


def gone(*others: Verdict) -> list[str]:
    """What a look tells that says nothing of the alert that fires."""
    desk = PaperDesk()
    desk.look([verdict(rule="backfill_stuck", scope="nightly")], at(0))
    return desk.look(list(others), at(1))


def test_what_a_look_no_longer_knows_of_is_over_unless_the_look_could_not_see() -> None:
    fine = verdict("ok", rule="run_failed", scope="hourly")
    assert gone(fine) == ["ops resolved"]
    assert gone() == []
    assert gone(verdict("ok", rule="delivery_failed")) == []
    assert gone(fine, verdict("unknown", "", rule="backfill_stuck", scope="")) == []
    assert gone(fine, verdict(rule="watch_failed", scope="backfills")) == ["ops fired"]


def event(member: str, happened: float, state: str = "failing") -> Verdict:
    return verdict(
        state, member, rule="instrument_changed", since=at(happened), is_event=state == "failing"
    )


def test_events_are_told_once_each_and_end_without_a_word() -> None:
    desk = PaperDesk()
    assert desk.look([event("A", -5)], at(0)) == ["ops news"]
    assert desk.look([event("A", -5)], at(1)) == []
    assert desk.look([event("A", -5), event("B", 1)], at(2)) == ["ops news"]
    news = desk.deliveries[-1]
    assert "B is failing" in news.title
    assert "A is failing" not in news.body
    assert desk.look([event("B", 1)], at(3)) == []
    assert desk.look([verdict("ok", rule="instrument_changed")], at(4)) == []
    assert desk.only.state == "resolved"
    # The same one seen again is none, the same thing happening again is one.
    assert desk.look([event("B", 1)], at(5)) == []
    assert desk.look([event("B", 6)], at(6)) == ["ops news"]


def test_events_are_neither_repeated_nor_escalated_nor_waited_for() -> None:
    desk = PaperDesk(
        repeat_minutes=10,
        for_minutes=60,
        **ESCALATE | {"severities": {"instrument_changed": "critical"}},
    )
    told = [desk.look([event("A", -5)], at(minute)) for minute in (0, 30, 60, 90)]
    assert told == [["ops news"], [], [], []]


def test_the_order_of_verdicts_does_not_matter() -> None:
    look = [verdict(member=f"S{n}", scope=f"venue{n % 3}") for n in range(9)]
    one, other = PaperDesk(), PaperDesk()
    one.look(look, at(0))
    other.look(look[::-1], at(0))
    assert one.rows == other.rows


def test_a_trouble_that_began_before_it_was_seen_has_lasted_since_then() -> None:
    desk = PaperDesk(for_minutes=30)
    assert desk.look([verdict(since=at(-31))], at(0)) == ["ops fired"]
    assert desk.only.began_at == at(-31)
