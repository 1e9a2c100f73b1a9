"""Market alerts: when a value fires, stays, recovers, and when nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.health.look import Look
from market_assets.health.market import MarketValue, market
from market_assets.health.observed import Observed, PreviousLook
from market_assets.health.policy import Policy
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import MarketAlert

NOW = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = "binance BTCUSDT"


def alert(rule: str = "price_move", **limits: Any) -> MarketAlert:
    given: dict[str, Any] = {"name": "watched", "rule": rule, "symbol": "BTCUSDT"} | limits
    return MarketAlert.model_validate(given)


def value(number: float | None, *, at: datetime = NOON, every: timedelta = HOUR) -> MarketValue:
    return MarketValue("watched", BTC, number, at, every)


def judged(
    watched: MarketAlert, *values: MarketValue, failing: bool = False, now: datetime = NOW
) -> list[Verdict]:
    key = (watched.rule, watched.name, BTC)
    previous = PreviousLook(now - HOUR, HOUR, frozenset({key} if failing else ()))
    observed = Observed(market=values, previous=previous)
    return list(market(Look(observed, Policy(market=(watched,)), now)))


def only(verdicts: list[Verdict]) -> Verdict:
    (verdict,) = verdicts
    return verdict


@pytest.mark.parametrize(
    ("rule", "limits", "numbers", "states"),
    [
        # crosses, trembles on the line, recovers
        ("price_move", {"above": 5}, [4, 5, 5.1, 4.9, 4.6, 4.5, 4.9, 5.2], "..XXX..X"),
        ("price_move", {"below": -5}, [-4, -5, -5.1, -4.9, -4.5, -5.2], "..XX.X"),
        ("price_move", {"above": 5, "below": -5}, [6, -6, 4.7, -4.7, 0, -4.7], "XXXX.."),
        # a price's margin is half a percent
        ("price_threshold", {"above": 100}, [100, 100.1, 99.6, 99.5, 99.9], ".XX.."),
        ("price_threshold", {"below": 100}, [100, 99.9, 100.4, 100.5, 100.1], ".XX.."),
        ("volume_spike", {"above": 3}, [1, 3.5, 2.8, 2.7], ".XX."),
        ("funding_extreme", {"below": -50}, [-49, -51, -46, -45], ".XX."),
        ("cross_venue_spread", {"above": 1}, [0.9, 1.2, 0.95, 0.9], ".XX."),
        # limits whose margins would meet: half of what lies between is left for being fine
        ("price_threshold", {"above": 100.2, "below": 100}, [100.3, 100.1, 99.9, 100.1], "X.X."),
        # a limit of zero has no margin
        ("price_move", {"above": 0}, [-0.1, 0.1, 0, 0.1], ".X.X"),
    ],
)
def test_a_series_fires_beyond_its_limit_and_recovers_a_margin_inside(
    rule: str, limits: dict[str, float], numbers: list[float], states: str
) -> None:
    found, failing = "", False
    for number in numbers:
        verdict = only(judged(alert(rule, **limits), value(number), failing=failing))
        failing = verdict.state == "failing"
        found += "X" if failing else "."
        assert verdict.state != "unknown"

    assert found == states


def test_a_verdict_says_what_where_when_and_against_which_limit() -> None:
    firing = only(judged(alert(above=5, below=-5, severity="critical"), value(-7.25)))

    assert firing == Verdict(
        "price_move",
        "watched",
        BTC,
        "failing",
        "the price moved within an hour by -7.25 % at 2026-11-21 12:00 UTC, below -5 %",
        value=-7.25,
        limit=-5,
        since=NOON,
        severity="critical",
    )
    fine = only(judged(alert(above=5, below=-5), value(1)))
    assert fine.text.endswith("(limit above 5 % or below -5 %)")
    near = only(judged(alert(above=5), value(4.8), failing=True))
    assert near.text.endswith("not yet clear of 5 %")


def test_what_fires_on_does_not_begin_again_each_hour() -> None:
    assert only(judged(alert(above=5), value(6), failing=True)).since is None


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (NOON, "failing"),
        (NOON + 2 * HOUR, "failing"),
        (NOON + 2 * HOUR + timedelta(seconds=1), "unknown"),  # the freshness limit
        (NOON - timedelta(minutes=5), "failing"),  # clocks differ a little
        (NOON - timedelta(minutes=6), "unknown"),  # ours was set back
    ],
)
@pytest.mark.parametrize("zone", [0, -11, 5.5, 14])
def test_an_old_value_and_one_of_the_future_neither_fire_nor_resolve(
    now: datetime, state: str, zone: float
) -> None:
    from datetime import timezone

    local = now.astimezone(timezone(timedelta(hours=zone)))

    assert only(judged(alert(above=5), value(6), failing=True, now=local)).state == state


def test_funding_may_be_as_old_as_its_interval_and_the_freshness_limit() -> None:
    watched = alert("funding_extreme", above=5)
    settled = value(6, every=timedelta(hours=8))

    assert only(judged(watched, settled, now=NOON + 10 * HOUR)).state == "failing"
    late = only(judged(watched, settled, now=NOON + 10 * HOUR + timedelta(seconds=1)))
    assert late.state == "unknown"
    assert "too old to judge" in late.text


@pytest.mark.parametrize("number", [None, float("nan"), float("inf")])
def test_without_a_number_nobody_can_tell(number: float | None) -> None:
    assert only(judged(alert(above=5), value(number), failing=True)).state == "unknown"


def test_an_alert_without_any_value_says_so() -> None:
    found = only(judged(alert(above=5, venue="okx")))

    assert (found.state, found.scope, found.member) == ("unknown", "watched", "")
    assert "okx BTCUSDT" in found.text


def test_marts_that_cannot_be_read_are_not_fine_marts() -> None:
    look = Look(Observed(market=None), Policy(market=(alert(above=5),)), NOW)

    found = only(list(market(look)))

    assert (found.state, found.text) == ("unknown", "the marts could not be read")


def test_each_alert_is_judged_by_its_own_values_only() -> None:
    low = alert(above=1, name="low", severity="warning")
    high = alert(above=100, name="high")
    values = tuple(
        MarketValue(name, member, 50.0, NOON, HOUR)
        for name in ("low", "high", "removed")
        for member in ("okx ETHUSDT", BTC)
    )
    look = Look(Observed(market=values), Policy(market=(low, high)), NOW)

    found = [(v.scope, v.member, v.state, v.severity) for v in market(look)]

    assert found == [
        ("low", BTC, "failing", "warning"),
        ("low", "okx ETHUSDT", "failing", "warning"),
        ("high", BTC, "ok", "info"),
        ("high", "okx ETHUSDT", "ok", "info"),
    ]


@given(
    limit=st.floats(-1e6, 1e6),
    number=st.floats(-1e7, 1e7),
    further=st.floats(0, 1e6),
    failing=st.booleans(),
)
def test_what_fires_fires_on_further_out(
    limit: float, number: float, further: float, failing: bool
) -> None:
    watched = alert(above=limit)
    near = only(judged(watched, value(number), failing=failing))
    far = only(judged(watched, value(number + further), failing=failing))

    assert far.state == "failing" or near.state == "ok"


@given(limit=st.floats(-1e6, 1e6), number=st.floats(-1e7, 1e7))
def test_what_is_fine_for_one_that_fires_is_fine_for_one_that_does_not(
    limit: float, number: float
) -> None:
    fired = only(judged(alert(below=limit), value(number), failing=True))
    quiet = only(judged(alert(below=limit), value(number)))

    assert fired.state == "failing" or quiet.state == "ok"
    assert (quiet.state == "failing") == (number < limit)
