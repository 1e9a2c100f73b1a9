"""A released row breaks rules on purpose: no check holds it against the table afterwards."""

from __future__ import annotations

from lab_support import Lab
from quarantine_support import ODD, bring, candle, settlement, slot

from market_assets.quality.expectations.raw_suites import raw_subjects
from market_assets.quality.expectations.stored import Stored
from market_assets.quality.quarantine import release
from market_assets.quality.raw_checks import RawJudge
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import Window

DAY = Window(slot(0).start, slot(24).start)


def test_neither_the_checks_nor_the_expectations_see_it(lab: Lab) -> None:
    lab = lab.with_settings(venues={"binance": {"symbols": ["BTCUSDT"], "start": "2026-03-01"}})
    bring(lab.lake, *(candle(number) for number in range(5)), candle(5, **ODD))
    [held] = lab.lake.quarantined()
    release(lab.lake, [held.quarantine_id], "the venue's chart shows it")
    bring(lab.lake, settlement(0), dataset=FUNDING_RATES)

    assert lab.lake.read("binance", OHLCV).num_rows == 6
    judge = RawJudge(lab.lake, lab.settings, "binance", OHLCV, DAY, DAY.end)
    failing = {verdict.check for verdict in judge.verdicts() if not verdict.passed}
    assert failing & {"schema", "ohlc_inconsistent", "quarantine"} == set()
    stored = Stored(lab.lake, lab.settings, DAY)
    rows, _series = raw_subjects(stored, "binance", OHLCV)
    assert len(rows.frame) == 5
    assert (rows.frame["high"] >= rows.frame["low"]).all()
    settled, *_ = raw_subjects(stored, "binance", FUNDING_RATES)
    assert len(settled.frame) == 1
