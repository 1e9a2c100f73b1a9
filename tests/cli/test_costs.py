"""`market-assets costs`: what was spent, letting a day go on, and the limits at work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.estimate import TIB, Statement

INGEST = (
    *("ingest", "--venue", "binance", "--symbols", "BTCUSDT"),
    *("--from", "2026-02-01", "--to", "2026-02-03", "--quiet"),
)


@pytest.fixture
def stored(cli: Any) -> Any:
    assert cli(*INGEST).code == 0
    return cli


def spend(folder: Path, dollars: float) -> None:
    with DuckLakeWarehouse(folder / "warehouse", read_only=True) as store:
        store.note([Statement("mart", (), (round(TIB / 6.25 * dollars),), "marts.ohlcv")])


def test_what_an_ingest_cost_is_shown_by_asset(stored: Any) -> None:
    ran = stored("costs")
    assert ran.code == 0, ran.said
    assert "of $1.00" in ran.out
    assert "raw.binance_ohlcv" in ran.out
    assert "Storage" in ran.out
    told = json.loads(stored("costs", "--json").out)
    by_asset = {one["asset"]: one for one in told["assets"]}
    assert {"raw.binance_ohlcv", "raw.binance_instruments"} <= set(by_asset)
    total = sum(one["today_dollars"] for one in told["assets"])
    assert told["today_dollars"] == pytest.approx(total)
    assert 0 < told["today_dollars"] < 0.01
    assert told["projected_month_dollars"] >= told["month_dollars"]
    assert told["storage_bytes"] > 48 * 100


def test_a_used_up_budget_stops_what_can_wait_until_it_is_released(
    stored: Any, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKET_ASSETS_COSTS__STOP_AT_BUDGET", "true")
    spend(tmp_path, 1.5)
    for waiting in (
        ("build",),
        ("docs",),
        ("report", "--day", "2026-02-02"),
        ("export", str(tmp_path / "rows.csv"), "--venue", "binance"),
    ):
        ran = stored(*waiting)
        assert ran.code == 9, ran.said
        ran.assert_one_clear_message()
        assert "costs release" in ran.err
    assert stored(*INGEST[:-3], "--to", "2026-02-04", "--quiet").code == 0, "data come in"
    released = stored("costs", "release", "--because", "a backfill")
    assert "is released: a backfill" in released.out
    again = stored("costs", "release", "--because", "once more")
    assert "was released before: a backfill" in again.out
    assert stored("export", str(tmp_path / "rows.csv"), "--venue", "binance").code == 0
    assert "(released)" in stored("costs").out


def test_a_query_that_would_bill_too_much_is_refused(
    stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("ohlcv", "funding_rates", "funding_predictions", "instruments")
    tables = [f"{venue}_{name}" for venue in ("binance", "okx", "aster") for name in names]
    many = " UNION ALL ".join(f"SELECT symbol FROM raw.{table}" for table in tables)
    monkeypatch.setenv("MARKET_ASSETS_COSTS__MAXIMUM_BYTES_BILLED", str(100 * 2**20))
    assert stored("query", "SELECT close FROM raw.binance_ohlcv").code == 0
    ran = stored("query", many)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "120 MB" in ran.err
    assert "100 MB" in ran.err
    assert "maximum_bytes_billed" in ran.err


def test_without_a_warehouse_nothing_is_made(cli: Any, tmp_path: Path) -> None:
    for command in (("costs",), ("costs", "release")):
        ran = cli(*command)
        ran.assert_one_clear_message()
        assert ran.code != 0
    assert not (tmp_path / "warehouse").exists()
