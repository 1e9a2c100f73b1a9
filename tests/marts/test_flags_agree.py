"""The rules of the asset checks and the flags of the marts say the same of every row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_by_hand import WILD
from marts_support import VENUES, WINTER, MartsLab, window

from market_assets.checks import anomalies
from market_assets.checks.policy import Policy
from market_assets.checks.registry import judge_candles, judge_funding
from market_assets.checks.scenes import CandleScene, FundingScene
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV
from market_assets.schemas.timeline import Window

pytestmark = pytest.mark.xdist_group("marts")

FLAG_OF = {
    "price_jump": "is_price_jump",
    "price_out_of_range": "is_price_out_of_range",
    "volume_outlier": "is_volume_outlier",
    "ohlc_inconsistent": "is_ohlc_inconsistent",
    "cross_venue_divergence": "is_cross_venue_divergent",
    "flat_run": "is_flat_run",
}
HOUR = 3_600_000
Row = tuple[str, str, int]


def scenes(lab: MartsLab, within: Window) -> dict[str, CandleScene]:
    """The stored candles of each venue beside the others'."""
    stored = {venue: lab.store.read(venue, OHLCV, interval="1h") for venue in VENUES}
    return {
        venue: CandleScene(venue, "1h", stored[venue], within, within.end, stored)
        for venue in VENUES
    }


def found_by_rules(lab: MartsLab, within: Window) -> dict[str, set[Row]]:
    """Every hour that a rule covers: venue, symbol and open time."""
    found: dict[str, set[Row]] = {rule: set() for rule in FLAG_OF}
    for venue, scene in scenes(lab, within).items():
        judged = judge_candles(scene, Policy.of(lab.settings))
        for rule in FLAG_OF:
            found[rule] |= {
                (venue, one.symbol, hour)
                for one in judged[rule]
                for hour in range(one.at_ms, one.until_ms, HOUR)
            }
    return found


def flagged(lab: MartsLab, table: str, flag: str) -> set[Row]:
    rows = lab.query(
        f"select venue, symbol, epoch_ms(timestamp) as opened from marts.{table} where {flag}"
    )
    return set(rows.itertuples(index=False, name=None))


def test_in_wild_rows_every_rule_finds_what_its_flag_marks(by_hand: MartsLab) -> None:
    found = found_by_rules(by_hand, window("2026-01-01", "2026-02-01"))
    for rule, flag in FLAG_OF.items():
        marked = {row for row in flagged(by_hand, "ohlcv", flag) if row[1] in WILD}
        assert {row for row in found[rule] if row[1] in WILD} == marked, rule
        assert len(marked) > 3, f"nothing is shown where {flag} is never set"


def test_in_a_winter_of_three_venues_the_rules_find_what_the_flags_mark(winter: MartsLab) -> None:
    found = found_by_rules(winter, WINTER)
    for rule, flag in FLAG_OF.items():
        assert found[rule] == flagged(winter, "ohlcv", flag), rule


def test_the_scores_of_a_winter_are_those_of_the_rules(winter: MartsLab) -> None:
    policy = Policy.of(winter.settings)
    parts = []
    for venue, scene in scenes(winter, WINTER).items():
        symbols = np.concatenate(
            [np.repeat(name, where.stop - where.start) for name, where in scene.rows.series()]
        )
        told = {
            "log_return": anomalies.log_returns(scene),
            "return_score": anomalies.return_scores(scene, policy),
            "volume_score": anomalies.volume_scores(scene, policy),
        }
        parts.append(
            pd.DataFrame({"symbol": symbols, "opened": scene.rows.times, **told}).assign(
                venue=venue
            )
        )
    mine = pd.concat(parts).sort_values(["venue", "symbol", "opened"], ignore_index=True)
    mart = winter.query(
        "select symbol, epoch_ms(timestamp) as opened, log_return, return_score, volume_score,"
        " venue from marts.anomalies_hourly order by venue, symbol, opened"
    )
    pd.testing.assert_frame_equal(mart, mine, rtol=1e-9, atol=1e-9, check_dtype=False)
    assert mart["return_score"].notna().mean() > 0.8
    assert mart["volume_score"].notna().mean() > 0.8
    for score, flag in (
        ("return_score", "is_return_anomaly"),
        ("volume_score", "is_volume_anomaly"),
    ):
        above = mine[mine[score].abs() > policy.anomaly_score]
        rows = set(above[["venue", "symbol", "opened"]].itertuples(index=False, name=None))
        assert rows == flagged(winter, "anomalies_hourly", flag)
    assert flagged(winter, "anomalies_hourly", "is_return_anomaly"), "the correction of 5 % is one"


def test_every_change_of_the_funding_interval_is_found_and_no_other(winter: MartsLab) -> None:
    for venue in VENUES:
        scene = FundingScene(
            venue,
            winter.store.read(venue, FUNDING_RATES),
            WINTER,
            WINTER.end,
            winter.store.read(venue, INSTRUMENTS),
        )
        judged = judge_funding(scene, Policy.of(winter.settings))
        for rule, flag in (
            ("funding_interval_changed", "is_interval_changed"),
            ("funding_outside_cap", "is_outside_cap"),
        ):
            mine = {(venue, one.symbol, one.at_ms) for one in judged[rule]}
            marked = flagged(winter, "funding_rates", flag)
            assert mine == {row for row in marked if row[0] == venue}, (venue, rule)
    assert flagged(winter, "funding_rates", "is_interval_changed")
