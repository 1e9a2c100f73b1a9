"""`market-assets ingest --source archive` as a user meets it."""

from __future__ import annotations

from typing import Any

import pytest

from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse

DAYS = ("--from", "2026-02-02", "--to", "2026-02-05")
ASK = ("ingest", "--venue", "binance", "--symbols", "BTCUSDT,ETHUSDT", *DAYS)
ARCHIVE = (*ASK, "--source", "archive")


@pytest.fixture
def environment(
    environment: dict[str, str], exchange: RunningSimulator, lake: DuckLakeWarehouse
) -> dict[str, str]:
    url = f"{exchange.base_url('binance')}/archive"
    return {**environment, "MARKET_ASSETS_VENUES__BINANCE__ARCHIVE_URL": url}


def test_history_from_the_archive_tells_its_rows_and_costs_no_weight(
    cli: Any, exchange: RunningSimulator
):
    ran = cli(*ARCHIVE)
    assert (ran.code, ran.err) == (0, "")
    assert "144 rows came from the archive, 0 of them corrections" in ran.out
    assert "12 requests (0 failed), weight 0" in ran.out
    assert exchange.stats()["binance"]["weight_used"] == 0
    assert "144 points complete before" in cli(*ARCHIVE).out


def test_a_refresh_tells_what_the_archive_corrects(cli: Any, exchange: RunningSimulator):
    other = {"venue": "binance", "symbol": "BTCUSDT", "hour": "2026-02-03T07:00Z", "factor": 1.01}
    exchange.control(faults={"archive_differs": [other]})
    assert "came from the archive" not in cli(*ASK).out
    ran = cli(*ARCHIVE, "--refresh")
    assert ran.code == 0
    assert "144 rows came from the archive, 1 of them corrections" in ran.out


def test_hours_that_the_api_lost_come_from_the_archive(cli: Any, exchange: RunningSimulator):
    exchange.control(faults={"lost_rate": 0.05})
    assert cli(*ASK).code == 3
    ran = cli(*ARCHIVE)
    assert ran.code == 0
    assert "completeness 100.00 %" in ran.out


def test_what_is_in_no_file_is_named_and_ends_with_3(cli: Any, exchange: RunningSimulator):
    exchange.control(faults={"archive_missing": 1.0})
    ran = cli(*ARCHIVE)
    assert ran.code == 3
    ran.assert_one_clear_message()
    assert "BTCUSDT 2026-02-02 00:00 .. 2026-02-05 00:00 (missing)" in ran.err


def test_a_file_that_cannot_be_believed_is_named_and_ends_with_4(
    cli: Any, exchange: RunningSimulator
):
    exchange.control(faults={"archive_bad_checksum": 1.0})
    ran = cli(*ARCHIVE)
    assert ran.code == 4
    ran.assert_one_clear_message()
    assert "BTCUSDT-1h-2026-02-02.zip" in ran.err
    assert "SHA-256" in ran.err


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("--venue", "okx"), "okx has no archive that can be read"),
        (("--dataset", "funding_predictions"), "Archives have ohlcv and funding_rates"),
        (("--dataset", "instruments"), "Archives have ohlcv and funding_rates"),
    ],
)
def test_what_no_archive_has_is_told_before_anything_is_asked(
    cli: Any, exchange: RunningSimulator, changed: tuple[str, ...], told: str
):
    ran = cli(*ARCHIVE, *changed)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert told in ran.err
    assert exchange.stats()["binance"]["archive_requests"] == 0


def test_another_source_is_pointed_out(cli: Any):
    ran = cli(*ASK, "--source", "tape")
    assert ran.code == 2
    assert "'rest', 'archive'" in ran.err
