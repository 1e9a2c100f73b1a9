"""No false alarm: a clean month of the simulator, as it is stored, has no finding of any rule."""

from __future__ import annotations

import pytest
from lab_support import VENUES, Lab, window

from market_assets.checks.policy import Policy
from market_assets.checks.registry import judge_candles, judge_funding
from market_assets.checks.scenes import CandleScene, FundingScene
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV
from market_assets.settings.models import DEFAULT_SYMBOLS

MONTH = window("2026-02-08", "2026-03-10")


@pytest.mark.slow
def test_thirty_clean_days_of_five_symbols_on_three_venues_have_no_finding(lab: Lab) -> None:
    for venue in VENUES:
        for dataset in ("instruments", "ohlcv", "funding_rates"):
            lab.ingest(venue, DEFAULT_SYMBOLS, MONTH, dataset=dataset)
    policy = Policy.of(lab.settings)
    candles = {venue: lab.lake.read(venue, OHLCV, interval="1h") for venue in VENUES}
    for venue in VENUES:
        instruments = lab.lake.read(venue, INSTRUMENTS)
        scene = CandleScene(
            venue, "1h", candles[venue], MONTH, MONTH.end, candles, instruments=instruments
        )
        assert int(scene.rows.inside.sum()) == 30 * 24 * len(DEFAULT_SYMBOLS)
        settled = FundingScene(
            venue, lab.lake.read(venue, FUNDING_RATES), MONTH, MONTH.end, instruments
        )
        assert int(settled.rows.inside.sum()) == 30 * 3 * len(DEFAULT_SYMBOLS)
        found = judge_candles(scene, policy) | judge_funding(settled, policy)
        assert {name: told for name, told in found.items() if told} == {}
