"""Every rule finds its example, and only its own: without any one of them a test here fails."""

from __future__ import annotations

import pytest
from scene_support import candle, candles, settlement, settlements

from examples import ALSO_FOUND, EXAMPLES, Scene
from market_assets.checks.policy import Policy
from market_assets.checks.registry import (
    CANDLE_RULES,
    FUNDING_RULES,
    RULES,
    judge_candles,
    judge_funding,
)
from market_assets.checks.scenes import CandleScene
from market_assets.settings import Settings
from market_assets.settings.quality import CHECK_NAMES

# What no rule over stored rows can tell: what was rejected, and what is absent.
JUDGED_ELSEWHERE = {"schema", "quarantine", "completeness"}


def found(scene: Scene) -> set[str]:
    judged = (
        judge_candles(scene, Policy())
        if isinstance(scene, CandleScene)
        else judge_funding(scene, Policy())
    )
    return {name for name, findings in judged.items() if findings}


@pytest.mark.parametrize("rule", EXAMPLES)
def test_each_rule_finds_its_example_and_no_other_does(rule: str) -> None:
    assert found(EXAMPLES[rule]) == {rule, *ALSO_FOUND.get(rule, ())}


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_finding_names_its_rule_its_symbol_its_time_and_what_was_seen(rule: str) -> None:
    scene = EXAMPLES[rule]
    [finding] = next(r for r in RULES if r.name == rule).find(scene, Policy())
    assert (finding.rule, finding.symbol) == (rule, "BTCUSDT")
    assert scene.window.start <= finding.at_ms < finding.until_ms <= scene.window.end
    assert finding.detail
    assert set(finding.facts()) == {
        "rule", "symbol", "at_ms", "until_ms", "value", "threshold", "detail",
    }  # fmt: skip


def test_the_examples_are_of_exactly_the_rules_and_the_rules_those_of_the_settings() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert set(EXAMPLES) == set(names)
    assert set(names) == set(CHECK_NAMES) - JUDGED_ELSEWHERE


def test_each_rule_says_what_it_is_about_and_which_number_turns_it() -> None:
    for rule in RULES:
        assert rule.title
        assert rule.description.endswith(".")
        assert rule.threshold == "" or hasattr(Policy(), rule.threshold), rule.name
    assert {rule.applies_to for rule in CANDLE_RULES} == {"candles"}
    assert {rule.applies_to for rule in FUNDING_RULES} == {"funding"}


def test_the_policy_is_what_the_settings_say() -> None:
    assert Policy.of(Settings.model_validate({})) == Policy()
    told = Settings.model_validate(
        {
            "thresholds": {"price_jump_percent": 11, "cross_venue_percent": 12},
            "marts": {"price_range_factor": 13, "volume_z_score": 14, "flat_run_candles": 15},
            "quality": {
                "stale_candles": 16, "anomaly_days": 17, "anomaly_least": 15, "anomaly_score": 18,
            },
        }
    )  # fmt: skip
    assert Policy.of(told) == Policy(
        price_jump_percent=11,
        cross_venue_percent=12,
        price_range_factor=13,
        volume_z_score=14,
        flat_run_candles=15,
        stale_candles=16,
        anomaly_days=17,
        anomaly_least=15,
        anomaly_score=18,
    )


def test_a_usual_month_has_no_finding() -> None:
    usual = candles(
        candle(
            hour,
            100 + (hour * hour * 37 + hour * 11) % 101 / 100,
            volume=50.0 + hour % 24 + hour // 24 % 5,
            symbol=symbol,
        )
        for hour in range(24 * 30)
        for symbol in ("BTCUSDT", "ETHUSDT")
    )
    assert not found(usual)
    assert not found(settlements(settlement(hour) for hour in range(0, 24 * 30, 8)))


def test_nothing_is_found_in_nothing() -> None:
    assert not found(candles([]))
    assert not found(candles([], others={"okx": []}, listings=[]))
    assert not found(settlements([]))
    assert not found(settlements([], listings=[]))
