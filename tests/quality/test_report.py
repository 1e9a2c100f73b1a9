"""The daily report: its numbers against those computed by hand, its page, its files."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_support import write as write_sql
from warehouse_support import candles, request

from market_assets.quality.report import score
from market_assets.quality.report.gathering import gather
from market_assets.quality.report.numbers import SymbolDay
from market_assets.quality.report.page import coverage_grade, render
from market_assets.quality.report.score import Parts
from market_assets.quality.report.writing import as_json, write
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window, subtract, to_ms
from market_assets.settings import Settings
from market_assets.warehouse.contract import (
    Batch,
    CheckResult,
    Gap,
    MissingSpan,
    QuarantinedRow,
    RepairAttempt,
    SeriesOutcome,
)
from market_assets.warehouse.ducklake import DuckLakeWarehouse

DAY = date(2026, 2, 1)  # the hours of `candles` begin at noon of the day before
NOW = datetime(2026, 2, 2, 4, 20, tzinfo=UTC)
NOON = to_ms(datetime(2026, 1, 31, 12, tzinfo=UTC))
MIDNIGHT = to_ms(datetime(2026, 2, 1, tzinfo=UTC))
EVIL = "<script>alert('x')</script>"


@pytest.fixture
def settings(lake: DuckLakeWarehouse, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "venues": {
                "binance": {"symbols": ["BTCUSDT", "ETHUSDT"], "start": "2026-02-01"},
                "okx": {"enabled": False},
                "aster": {"symbols": ["BTCUSDT"], "start": "2026-02-02"},
            },
            "warehouse": {"path": lake.path},
            "state_dir": tmp_path / "state",
        }
    )


def outcome(symbol: str, *gaps: Gap) -> SeriesOutcome:
    window = Window(NOON, NOON + 36 * HOUR_MS)
    settled = subtract([window], [gap.window for gap in gaps if gap.reason == "missing"])
    return SeriesOutcome(symbol, window, tuple(settled), gaps)


def gap(first: int, last: int, reason: Any) -> Gap:
    return Gap(Window(MIDNIGHT + first * HOUR_MS, MIDNIGHT + last * HOUR_MS), reason, {})


@pytest.fixture
def filled(lake: DuckLakeWarehouse) -> DuckLakeWarehouse:
    """BTC has all 24 hours of the day; ETH has 12, a quiet hour, an outage of 2 h, and 9 missing.

    Then: 2 of BTC's hours are corrected, by 10 % at most, and one row is held.
    """
    rows = candles(0, 36, symbols=["BTCUSDT"])
    eth = candles(0, 24, symbols=["ETHUSDT"])
    batch = Batch("binance", OHLCV, "1h", "run-1", rows, [outcome("BTCUSDT")])
    lake.commit(batch)
    gaps = (gap(12, 13, "no_trade"), gap(13, 15, "venue_outage"), gap(15, 24, "missing"))
    held = QuarantinedRow("ETHUSDT", datetime(2026, 2, 1, 20), ("high_low",), f'{{"x": "{EVIL}"}}')
    lake.commit(
        Batch(
            "binance", OHLCV, "1h", "run-2", eth, [outcome("ETHUSDT", *gaps)],
            quarantined=[held],
            requests=[
                request(hour, outcome="ok" if hour % 10 else "timeout", latency_ms=10.0 * hour)
                for hour in range(12, 32)
            ],
        )
    )  # fmt: skip
    changed = candles(0, 36, symbols=["BTCUSDT"], run_id="run-3").slice(20, 2)
    new = changed.to_pylist()
    new[0] |= {"close": new[0]["close"] * 1.1, "high": new[0]["close"] * 1.1}
    new[1] |= {"close": new[1]["close"] * 1.001}
    table = type(changed).from_pylist(new, schema=changed.schema)
    lake.commit(Batch("binance", OHLCV, "1h", "run-3", table))
    return lake


def on_the_day(settings: Settings) -> None:
    """What the store stamps with its own clock happened on the day of the report."""
    moment = "TIMESTAMP '2026-02-01 18:00:00'"
    write_sql(
        settings,
        f"UPDATE lake.ops.revisions SET revised_at = {moment}",
        f"UPDATE lake.raw.quarantine SET quarantined_at = {moment}",
        "UPDATE lake.ops.check_results SET checked_at = TIMESTAMP '2026-02-02 04:10:00'",
    )


def judged(lake: DuckLakeWarehouse) -> None:
    day = Window.of(DAY, DAY + timedelta(days=1))
    lake.record_checks(
        [
            CheckResult("marts.ohlcv", "unique", day, True, "error", True),
            CheckResult("marts.ohlcv", "odd", day, False, "warn", False, 2, sample=[{"a": 1}]),
            CheckResult("raw.x", "worse", day, False, "error", True, 7, sample=[{"said": EVIL}]),
        ]
    )
    span = MissingSpan("binance", "ohlcv", "1h", "ETHUSDT", gap(15, 24, "missing").window)
    tried = datetime(2026, 2, 1, 20, tzinfo=UTC)
    lake.record_repairs([RepairAttempt(span, 1, "started", EVIL, tried)])


@pytest.fixture
def told(filled: DuckLakeWarehouse, settings: Settings) -> dict[str, Any]:
    judged(filled)
    on_the_day(settings)
    return json.loads(json.dumps(as_json(gather(settings, filled, DAY, NOW))))


def test_coverage_is_that_of_the_stored_rows_and_gaps(told: dict[str, Any]) -> None:
    btc, eth, aster = told["symbols"]
    assert (btc["venue"], btc["symbol"]) == ("binance", "BTCUSDT")
    assert btc["days"][-1] == {
        "day": "2026-02-01", "expected": 24, "present": 24, "rightly_absent": 0, "missing": 0,
        "completeness": 1.0,
    }  # fmt: skip
    assert eth["days"][-1] == {
        "day": "2026-02-01", "expected": 24, "present": 12, "rightly_absent": 3, "missing": 9,
        "completeness": 15 / 24,
    }  # fmt: skip
    assert btc["days"][-2]["completeness"] is None, "it is collected from February on"
    assert len(btc["days"]) == 14
    assert btc["hours"] == ["present"] * 24
    assert eth["hours"] == [
        *["present"] * 12, "no_trade", *["venue_outage"] * 2, *["missing"] * 9
    ]  # fmt: skip
    assert aster["hours"] == ["not_collected"] * 24
    assert told["still_missing"] == 1


def test_a_score_is_the_weighted_mean_of_its_parts(told: dict[str, Any]) -> None:
    btc, eth, aster = told["symbols"]
    assert btc["parts"] == {
        "completeness": 1.0, "quality": None, "freshness": 1.0,
        "corrections": pytest.approx(1 - (2 / 24) / 0.1), "quarantine": 1.0,
    }  # fmt: skip
    # 12 hours old at midnight, fresh until 2 hours, worthless after 24.
    assert eth["parts"]["freshness"] == pytest.approx((24 - 12) / (24 - 2))
    assert eth["parts"]["quarantine"] == pytest.approx(1 - (1 / 13) / 0.1)
    by_hand = (0.5 * 1 + 0.1 * 1 + 0.1 * (1 - (2 / 24) / 0.1) + 0.1 * 1) / 0.8
    assert btc["score"] == pytest.approx(100 * by_hand)
    assert aster["score"] is None, "nothing is expected of it yet"
    [binance, of_aster] = told["venues"]
    assert binance["score"] == pytest.approx((btc["score"] + eth["score"]) / 2)
    assert of_aster["score"] is None
    assert told["score"] == pytest.approx(binance["score"])


def test_requests_are_counted_against_the_error_budget(told: dict[str, Any]) -> None:
    [binance, aster] = told["venues"]
    # Hours 12 to 31 are on the day: 2 of 20 timed out, where 5 % may.
    assert (binance["requests"], binance["errors"]) == (20, 2)
    assert binance["error_rate"] == pytest.approx(0.1)
    assert binance["error_budget_used"] == pytest.approx(2.0)
    assert binance["latency_p50_ms"] == pytest.approx(215.0)
    assert binance["latency_p95_ms"] == pytest.approx(300.5)
    assert not binance["is_slow"]
    assert (aster["requests"], aster["error_rate"]) == (0, None)


def test_corrections_quarantine_checks_and_repairs_are_those_of_the_ledgers(
    told: dict[str, Any],
) -> None:
    [correction] = told["corrections"]
    assert (correction["symbol"], correction["rows"]) == ("BTCUSDT", 2)
    assert correction["largest_change"] == pytest.approx(0.1)
    assert correction["largest_at"].startswith("2026-02-01T08:00")
    [held] = told["quarantine"]
    assert (held["reasons"], held["status"], held["rows"], held["of_the_day"]) == (
        "high_low", "held", 1, 1,
    )  # fmt: skip
    assert [(one["check"], one["passed"]) for one in told["checks"]] == [
        ("worse", False), ("odd", False), ("unique", True),
    ]  # fmt: skip
    [repair] = told["repairs"]
    assert (repair["attempt"], repair["outcome"]) == (1, "started")


def test_only_the_latest_verdict_of_a_check_counts(
    filled: DuckLakeWarehouse, settings: Settings
) -> None:
    day = Window.of(DAY, DAY + timedelta(days=1))
    filled.record_checks([CheckResult("raw.x", "worse", day, False, "error", True, 7)])
    filled.record_checks([CheckResult("raw.x", "worse", day, True, "error", True)])
    [check] = gather(settings, filled, DAY).checks
    assert check.passed


def test_quality_scores_of_the_mart_count_where_it_is_built(
    filled: DuckLakeWarehouse, settings: Settings
) -> None:
    write_sql(
        settings,
        "CREATE SCHEMA IF NOT EXISTS lake.marts",
        "CREATE TABLE lake.marts.ohlcv AS SELECT venue, symbol, timestamp,"
        " CASE WHEN symbol = 'BTCUSDT' THEN 0.75 ELSE 1.0 END AS quality_score"
        " FROM lake.raw.binance_ohlcv",
    )
    btc, eth, _ = gather(settings, filled, DAY, NOW).symbols
    assert (btc.parts.quality, eth.parts.quality) == (0.75, 1.0)


# -- the page


def test_what_comes_from_data_cannot_become_part_of_the_page(
    filled: DuckLakeWarehouse, settings: Settings
) -> None:
    judged(filled)
    on_the_day(settings)
    page = render(gather(settings, filled, DAY, NOW))
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert(") == 2, "a check's finding and a repair's detail"
    assert "<script" not in page
    assert "http" not in page, "it needs nothing from elsewhere"


def test_the_page_explains_every_part_of_the_score(
    lake: DuckLakeWarehouse, settings: Settings
) -> None:
    page = render(gather(settings, lake, DAY, NOW))
    for name, (weight, meaning) in score.PARTS.items():
        assert f"{name} {100 * weight:.0f} %" in page
        assert meaning in page


def test_an_empty_warehouse_gives_a_report_that_says_so(
    lake: DuckLakeWarehouse, settings: Settings
) -> None:
    early = gather(settings, lake, date(2026, 1, 20), NOW)
    assert early.score is None
    assert "There is nothing to report" in render(early)
    due = gather(settings, lake, DAY, NOW)
    assert due.score == 0.0, "nothing is stored of what there should be"
    assert "There is nothing to report" not in render(due)


def test_hours_that_have_not_closed_are_not_missed(
    filled: DuckLakeWarehouse, settings: Settings
) -> None:
    noon = datetime(2026, 2, 1, 12, 30, tzinfo=UTC)
    btc = gather(settings, filled, DAY, noon).symbols[0]
    assert btc.days[-1].expected == 12
    assert btc.hours[11:13] == ("present", "not_closed")


def test_a_day_is_coloured_by_what_the_settings_ask_for() -> None:
    def colour(present: int, least: float) -> str:
        return coverage_grade(SymbolDay(DAY, 24, present, 0, 24 - present), least)

    assert [colour(24, 95), colour(23, 95), colour(22, 95)] == ["good", "fair", "bad"]
    assert colour(22, 90) == "fair"
    assert coverage_grade(SymbolDay(DAY, 0, 0, 0, 0), 95) == "none"


# -- files


def test_each_day_has_its_files_and_the_index_is_the_newest(
    lake: DuckLakeWarehouse, settings: Settings, tmp_path: Path
) -> None:
    days = [date(2026, 2, 1), date(2026, 2, 2), date(2026, 1, 31)]
    for day in days:
        write(gather(settings, lake, day, NOW), tmp_path / "reports")
    names = {path.name for path in (tmp_path / "reports").iterdir()}
    assert names == {f"{day}.{kind}" for day in days for kind in ("html", "json")} | {"index.html"}
    assert "Data quality of 2026-02-02" in (tmp_path / "reports" / "index.html").read_text()
    assert "Data Docs" not in (tmp_path / "reports" / "index.html").read_text(), "none are there"
    known = json.loads((tmp_path / "reports" / "2026-02-01.json").read_text())
    assert known["day"] == "2026-02-01"


# -- the formula

SHARES = st.one_of(st.none(), st.floats(0, 1))
PARTS = st.builds(Parts, st.floats(0, 1), SHARES, SHARES, SHARES, SHARES)


@given(PARTS)
def test_a_score_is_between_its_worst_and_its_best_part(parts: Parts) -> None:
    known = [v for name in score.PARTS if (v := getattr(parts, name)) is not None]
    found = score.score(parts)
    assert found is not None
    assert 100 * min(known) - 1e-9 <= found <= 100 * max(known) + 1e-9


@given(st.floats(0, 3000), st.floats(0, 3000), st.floats(1, 1000))
def test_what_is_older_is_never_fresher(age: float, more: float, fresh: float) -> None:
    assert score.freshness(age + more, fresh) <= score.freshness(age, fresh)


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 1000))
def test_more_bad_rows_are_never_cleaner(bad: int, more: int, rows: int) -> None:
    dirtier, cleaner = score.clean(bad + more, rows), score.clean(bad, rows)
    assert dirtier is not None
    assert cleaner is not None
    assert 0 <= dirtier <= cleaner <= 1


def test_the_weights_are_a_whole() -> None:
    assert sum(weight for weight, _ in score.PARTS.values()) == pytest.approx(1)


def test_history_that_nobody_asked_for_yet_is_no_hole_but_a_pause_after_it_is(
    filled: DuckLakeWarehouse, settings: Settings
) -> None:
    early = settings.model_copy(
        update={
            "venues": {
                name: venue.model_copy(update={"start": date(2026, 1, 1)})
                for name, venue in settings.venues.items()
            }
        }
    )
    btc = gather(early, filled, DAY, NOW).symbols[0]
    assert [day.completeness for day in btc.days[-3:]] == [None, 1.0, 1.0]
    assert btc.days[-2].expected == 12, "asked for from noon on"
    assert btc.parts.completeness == 1.0
    later = gather(early, filled, DAY + timedelta(days=2), NOW + timedelta(days=2)).symbols[0]
    assert [day.completeness for day in later.days[-3:]] == [1.0, 0.0, 0.0]
    assert later.parts.completeness == pytest.approx(36 / (36 + 48))
