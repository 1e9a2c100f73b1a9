"""What the checks of a raw table look at, and what they leave alone."""

from __future__ import annotations

from lab_support import Lab, ms, window

from market_assets.quality.raw_checks import RawJudge, check_names, window_to_judge
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.settings.quality import CHECK_NAMES

DAYS = window("2026-03-04", "2026-03-06")


def failing(lab: Lab, span: Window = DAYS) -> set[str]:
    judge = RawJudge(lab.lake, lab.settings, "okx", OHLCV, span, ms("2026-03-10"))
    return {verdict.check for verdict in judge.verdicts() if not verdict.passed}


def test_every_check_belongs_to_some_raw_table(lab: Lab) -> None:
    names = [
        name
        for dataset in (OHLCV, FUNDING_RATES, INSTRUMENTS)
        for name in check_names(dataset, lab.settings)
    ]
    assert set(names) == set(CHECK_NAMES)


def test_a_table_without_rows_passes_its_checks(lab: Lab) -> None:
    assert failing(lab) == set()


def test_a_symbol_that_is_collected_no_more_is_not_silent(lab: Lab) -> None:
    both = lab.with_settings(venues={"okx": {"symbols": ["BTCUSDT", "ETHUSDT"]}})
    both.ingest("okx", ["BTCUSDT", "ETHUSDT"], window("2026-03-01", "2026-03-04"))
    both.ingest("okx", "BTCUSDT", DAYS)
    assert failing(both) == {"stale_symbol", "completeness"}
    one = lab.with_settings(venues={"okx": {"symbols": ["BTCUSDT"]}})
    assert failing(one) == set()


def test_a_run_judges_the_day_before_its_hours_too_but_nothing_before_the_start(lab: Lab) -> None:
    started = lab.with_settings(venues={"okx": {"start": "2026-03-04"}}).settings
    hour = window("2026-03-06T05:00", "2026-03-06T06:00")
    assert window_to_judge(hour, started, "okx") == Window(hour.start - 24 * HOUR_MS, hour.end)
    early = window("2026-03-04T05:00", "2026-03-04T06:00")
    assert window_to_judge(early, started, "okx") == Window(ms("2026-03-04"), early.end)
    outside = window("2026-03-01", "2026-03-02")
    assert window_to_judge(outside, started, "okx") == outside
