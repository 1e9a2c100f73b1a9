"""Every rule is explained, judged by somebody, and compared with what the settings say."""

from __future__ import annotations

from typing import get_args

import pytest
from health_support import DAY, HOUR, MINUTE, NOW, judged, of_rule, one, platform, series

from market_assets.health import RULES, Policy, evaluate, remembered
from market_assets.health.evaluators import GROUPS, Group
from market_assets.health.look import Look
from market_assets.health.observed import Observed
from market_assets.schemas.verdicts import Verdict
from market_assets.settings import Settings
from market_assets.settings.alerts import ALERT_RULES, MarketRule

# Told by those who tell, not by those who judge.
TOLD_ELSEWHERE = {"delivery_failed"}


def test_every_rule_is_explained() -> None:
    assert set(RULES) == set(ALERT_RULES)
    for rule, text in RULES.items():
        told = (text.title, text.meaning, text.looks_at, text.recovers, text.scope)
        assert all(told), rule
        assert text.meaning.endswith("."), rule
        assert text.recovers.endswith("."), rule
    titles = [text.title for text in RULES.values()]
    assert len(set(titles)) == len(titles)


def test_every_rule_has_an_evaluator_and_none_has_two() -> None:
    judged_by = [rule for group in GROUPS for rule in group.rules]

    assert sorted(judged_by) == sorted(set(ALERT_RULES) - TOLD_ELSEWHERE)


@pytest.mark.parametrize("rule", ALERT_RULES)
def test_the_limits_of_a_rule_are_settings_that_there_are(rule: str) -> None:
    """And every threshold of the watch belongs to some rule."""
    for key in RULES[rule].limits:  # type: ignore[index]
        at: object = Settings()
        for name in key.split("."):
            assert hasattr(at, name), key
            at = getattr(at, name)


def test_every_limit_of_the_watch_is_some_rules() -> None:
    named = {key for text in RULES.values() for key in text.limits}

    for name in type(Settings().alerts.limits).model_fields:
        assert f"alerts.limits.{name}" in named


def test_the_defaults_of_the_policy_are_those_of_the_settings() -> None:
    assert Policy.of(Settings()) == Policy()


def test_what_is_set_is_what_is_compared_with() -> None:
    settings = Settings.model_validate(
        {
            "thresholds": {
                "freshness_minutes": 7,
                "completeness_percent": 50,
                "error_rate_percent": 6,
                "api_latency_ms": 8,
            },
            "costs": {"warn_percent": 9, "stop_at_budget": True},
            "alerts": {
                "severities": {"freshness": "off", "disk_left": "info"},
                "limits": {
                    "silent_minutes": 10,
                    "error_window_minutes": 11,
                    "error_least_requests": 12,
                    "budget_percent": 13,
                    "run_failures_hours": 14,
                    "backfill_stuck_minutes": 15,
                    "tick_minutes": 16,
                    "storage_growth_percent_a_day": 17,
                    "disk_free_percent": 18,
                    "disk_free_gib": 19,
                    "horizon_days": 20,
                    "instrument_hours": 21,
                },
                "market": [{"name": "low", "rule": "price_move", "below": -5}],
            },
        }
    )

    assert Policy.of(settings) == Policy(
        freshness=7 * MINUTE,
        silent=10 * MINUTE,
        completeness_percent=50,
        error_rate_percent=6,
        error_window=11 * MINUTE,
        error_least_requests=12,
        api_latency_ms=8,
        budget_percent=13,
        run_failures=14 * HOUR,
        backfill_stuck=15 * MINUTE,
        tick_late=16 * MINUTE,
        storage_growth_percent_a_day=17,
        disk_free_percent=18,
        disk_free_bytes=19 * 2**30,
        horizon=20 * DAY,
        instrument_news=21 * HOUR,
        cost_warn_percent=9,
        stop_at_budget=True,
        market=settings.alerts.market,
        off=frozenset({"freshness"}),
    )


def test_all_rules_are_unknown_while_nothing_can_be_seen() -> None:
    found = judged(Observed())

    blind = {v.rule for v in found if v.state == "unknown"}
    assert blind == set(ALERT_RULES) - TOLD_ELSEWHERE - {"watch_failed", *get_args(MarketRule)}
    assert not [v for v in found if v.state == "failing"]


def test_a_platform_without_anything_is_fine_and_says_so() -> None:
    nothing = Observed(
        series=(),
        answers=(),
        gates=(),
        completeness=(),
        checks=(),
        failed_runs=(),
        backfills=(),
        tickers=(),
        horizons=(),
        instrument_changes=(),
        began_at=NOW,
    )

    found = judged(nothing)

    assert not [v for v in found if v.state == "failing"]
    assert {v.rule for v in found if v.state == "unknown"} == {
        "storage_growth",
        "disk_left",
        "cost_budget",
    }


def _broken(_: Look) -> list[Verdict]:
    raise ZeroDivisionError("division by zero")


def test_an_evaluator_that_fails_is_told_and_silences_no_other() -> None:
    groups = (Group("broken", _broken, ("api_budget", "disk_left")), *GROUPS)
    seen = platform(series(age=5 * HOUR))

    found = evaluate(seen, Policy(), NOW, groups)

    failed = one(found, "watch_failed", "judging broken")
    assert (failed.state, failed.text) == ("failing", "ZeroDivisionError: division by zero")
    assert ("", "") in of_rule(found, "api_budget")
    assert one(found, "freshness", "binance ohlcv", "BTCUSDT 1h").state == "failing"
    assert one(judged(seen), "watch_failed", "judging freshness").state == "ok"


def test_what_failed_is_remembered_until_it_is_known_to_be_fine() -> None:
    failing = Verdict("freshness", "okx ohlcv", "BTCUSDT 1h", "failing", "old")
    other = Verdict("api_latency", "okx", "", "failing", "slow")
    event = Verdict("instrument_changed", "okx", "BTCUSDT", "failing", "new", is_event=True)
    key, slow = ("freshness", "okx ohlcv", "BTCUSDT 1h"), ("api_latency", "okx", "")

    def unknown(*of: str) -> Verdict:
        return Verdict(of[0], of[1], of[2], "unknown", "?")  # type: ignore[arg-type]

    first = remembered([failing, other, event], frozenset())

    assert first == {key, slow}
    assert remembered([unknown(*key)], first) == {key}
    assert remembered([unknown("freshness", "", "")], first) == {key}  # the rule as a whole
    assert remembered([unknown("api_latency", "binance", "")], first) == frozenset()
    assert remembered([], first) == frozenset()
    assert remembered([unknown(*key)], frozenset()) == frozenset()
