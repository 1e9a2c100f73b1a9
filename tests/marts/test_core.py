"""`ohlcv` and `funding_rates`: every row of raw once, every flag and score once more from raw."""

from __future__ import annotations

import pandas as pd
import pytest
from core_again import judged_candles, judged_funding
from made_by_hand import TWICE
from marts_support import MartsLab
from recomputed import same

pytestmark = pytest.mark.xdist_group("marts")

SERIES = ["venue", "symbol", "timestamp"]


def test_every_candle_with_every_flag_and_score(winter: MartsLab):
    same(winter.mart("ohlcv"), judged_candles(winter), SERIES)


def test_the_winter_has_candles_that_earn_flags(winter: MartsLab):
    flags = winter.query(
        "select count(*) as candles, count(volume_z_score) as scored,"
        " count(cross_venue_divergence) as beside, sum(cast(is_flat_run as integer)) as flat"
        " from marts.ohlcv"
    ).iloc[0]
    assert flags["candles"] > flags["scored"] > 0.9 * flags["candles"]
    assert 0 < flags["beside"] < flags["candles"]


def test_every_settlement_with_every_flag_and_score(winter: MartsLab):
    same(winter.mart("funding_rates"), judged_funding(winter), SERIES)


def test_a_year_of_funding_follows_the_interval(winter: MartsLab):
    yearly = winter.mart("funding_rates", "interval_hours is not null and funding_rate != 0")
    settlements = (yearly["annualised_rate"] / yearly["funding_rate"]).round(6)
    assert set(settlements[yearly["interval_hours"] == 8]) == {1095.0}
    assert set(settlements[yearly["interval_hours"] == 4]) == {2190.0}


def test_instruments_are_all_versions_and_one_of_each_is_current(winter: MartsLab):
    raw = pd.concat([winter.raw(f"{venue}_instruments") for venue in ("binance", "okx", "aster")])
    mart = winter.mart("instruments")
    assert len(mart) == len(raw)
    current = mart[mart["is_current"]]
    assert not current.duplicated(["venue", "symbol", "listed_at"]).any()
    assert current["valid_to"].isna().all()


def test_a_key_that_is_stored_twice_counts_once_with_the_value_stored_last(by_hand: MartsLab):
    assert len(by_hand.query(f"select * from raw.okx_ohlcv where symbol = '{TWICE}'")) == 3
    found = by_hand.mart("ohlcv", f"symbol = '{TWICE}'").sort_values("timestamp")
    assert list(found["close"]) == [100.0, 101.0]
