"""What holds for every look, whatever it saw."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from datetime import timedelta, timezone
from typing import Any

from health_support import DAY, HOUR, LONG_AGO, MINUTE, NOW, POLICY, judged
from hypothesis import given, settings
from hypothesis import strategies as st
from look_strategies import looks

from market_assets.health import evaluate, remembered
from market_assets.health.observed import (
    DayCompleteness,
    Observed,
    PreviousLook,
    Series,
    VenueAnswers,
)
from market_assets.schemas.verdicts import Verdict

few = settings(max_examples=40, deadline=None)


def shuffled(observed: Observed, seed: int) -> Observed:
    """The same look, its collections in another order."""
    chance = random.Random(seed)
    mixed = {}
    for name in (field.name for field in fields(Observed)):
        value = getattr(observed, name)
        if isinstance(value, tuple):
            mixed[name] = tuple(chance.sample(value, len(value)))
    return replace(observed, **mixed)


@few
@given(looks, st.integers())
def test_the_order_of_what_was_seen_changes_nothing(observed: Observed, seed: int) -> None:
    assert judged(shuffled(observed, seed)) == judged(observed)


@few
@given(looks)
def test_nothing_that_can_be_seen_stops_an_evaluator(observed: Observed) -> None:
    found = judged(observed)

    assert not [v for v in found if v.scope.startswith("judging") and v.state == "failing"]
    assert all(v.text for v in found)


@few
@given(looks)
def test_a_key_is_spoken_of_once(observed: Observed) -> None:
    told = [(v.rule, v.scope, v.member) for v in judged(observed) if not v.is_event]

    assert len(set(told)) == len(told)


@few
@given(looks, st.sampled_from([-11, -3.5, 5.75, 14]))
def test_the_same_look_is_judged_the_same_wherever_and_however_often(
    observed: Observed, hours: float
) -> None:
    first = judged(observed)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=hours)))

    assert judged(observed, now=elsewhere) == first
    assert judged(observed) == first


@few
@given(looks, st.frozensets(st.sampled_from(["venue_down", "platform_was_down", "watch_failed"])))
def test_an_explanation_never_makes_anything_fine_or_worse(
    observed: Observed, off: frozenset[str]
) -> None:
    """Switching explaining rules off only turns what was explained into what fails."""

    def states(policy_off: frozenset[str]) -> dict[tuple[str, str, str, str], str]:
        found = evaluate(observed, replace(POLICY, off=policy_off), NOW)
        return {(v.rule, v.scope, v.member, v.text.split("; not told")[0]): v.state for v in found}

    # (What an outage left behind is a matter of the look before: see test_requests.)
    observed = replace(observed, previous=None)
    all_off = frozenset({"venue_down", "platform_was_down", "watch_failed"})
    raw, some = states(all_off), states(off)
    assert raw.keys() == some.keys()
    for key, state in some.items():
        assert state == raw[key] or (raw[key], state) == ("failing", "unknown")


def _one_series(**told: Any) -> Observed:
    given: dict[str, Any] = {"collect_from": LONG_AGO}
    series = Series("okx", "ohlcv", "1h", "BTCUSDT", HOUR, **{**given, **told})
    asked = (VenueAnswers("okx", 100, last_ok_at=NOW),)
    return Observed(series=(series,), answers=asked, began_at=LONG_AGO)


def _worst(verdicts: list[Verdict], rules: set[str]) -> int:
    order = ["ok", "unknown", "failing"]
    return max((order.index(v.state) for v in verdicts if v.rule in rules), default=0)


span = st.timedeltas(timedelta(), 4 * DAY)


@few
@given(span, span, span)
def test_older_data_are_never_better(data: timedelta, stored: timedelta, older: timedelta) -> None:
    rules = {"freshness", "silent_symbol"}
    near = judged(_one_series(newest_data_at=NOW - data, newest_ingestion_at=NOW - stored))
    for changed in (
        {"newest_data_at": NOW - data - older, "newest_ingestion_at": NOW - stored},
        {"newest_data_at": NOW - data, "newest_ingestion_at": NOW - stored - older},
    ):
        assert _worst(judged(_one_series(**changed)), rules) >= _worst(near, rules)


@few
@given(span, span)
def test_waiting_longer_without_a_row_is_never_better(age: timedelta, later: timedelta) -> None:
    observed = _one_series(newest_data_at=NOW - age, newest_ingestion_at=NOW - age)
    asked = (VenueAnswers("okx", 100, last_ok_at=NOW + later),)

    then = evaluate(replace(observed, answers=asked), POLICY, NOW + later)

    assert _worst(then, {"freshness"}) >= _worst(judged(observed), {"freshness"})


@few
@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 1000), st.booleans())
def test_more_absent_rows_are_never_better(
    missing: int, more: int, expected: int, before: bool
) -> None:
    key = ("completeness", "okx ohlcv", "BTCUSDT 1h")

    def worst(absent: int) -> int:
        yesterday = (NOW - DAY).date()
        day = DayCompleteness(
            "okx", "ohlcv", "1h", "BTCUSDT", yesterday, expected, 0, missing=absent
        )
        last = PreviousLook(NOW - MINUTE, MINUTE, frozenset([key] * before))
        return _worst(judged(Observed(completeness=(day,), previous=last)), {"completeness"})

    assert worst(missing + more) >= worst(missing)


@few
@given(st.lists(looks, min_size=1, max_size=4))
def test_only_what_is_known_to_be_fine_is_forgotten(seen: list[Observed]) -> None:
    """Through looks of any kind: what failed stays remembered until it is fine or gone."""
    before: frozenset[tuple[str, str, str]] = frozenset()
    for number, observed in enumerate(seen):
        now = NOW + number * MINUTE
        last = PreviousLook(now - MINUTE, MINUTE, before)
        found = evaluate(replace(observed, previous=last), POLICY, now)
        states = {(v.rule, v.scope, v.member): v.state for v in found if not v.is_event}
        blind = {v.rule for v in found if v.state == "unknown" and not v.scope and not v.member}
        after = remembered(found, before)
        for key in before - after:
            assert states.get(key, "gone") in ("ok", "gone")
            assert key[0] not in blind
        assert {key for key, state in states.items() if state == "failing"} <= after
        before = after
