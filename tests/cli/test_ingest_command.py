"""`market-assets ingest` as a new user tries it: each mistake is one message, nothing is lost."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from market_assets.schemas.datasets import OHLCV
from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse

DAYS = ("--from", "2026-02-01", "--to", "2026-02-05")
TWO = ("--symbols", "BTCUSDT,ETHUSDT")
ASK = ("ingest", "--venue", "binance", *TWO, *DAYS)


def count(path: Path) -> int:
    with DuckLakeWarehouse(path, read_only=True) as store:
        return store.read("binance", OHLCV, interval="1h").num_rows


def test_a_complete_run_says_what_it_did_and_ends_with_0(cli: Any):
    ran = cli(*ASK)
    assert (ran.code, ran.err) == (0, "")
    assert "192 rows stored" in ran.out
    assert "completeness 100.00 %" in ran.out
    again = cli(*ASK)
    assert again.code == 0
    assert "0 rows stored" in again.out
    assert "192 points complete before" in again.out


def test_every_dataset_has_its_command(cli: Any):
    for dataset in ("funding_rates", "funding_predictions", "instruments"):
        assert cli(*ASK, "--dataset", dataset).code == 0, dataset


def test_absent_candles_are_told_with_their_reason(cli: Any, exchange: RunningSimulator):
    exchange.control(faults={"no_trade_rate": 0.03})
    ran = cli(*ASK)
    assert ran.code == 0
    assert "no_trade" in ran.out
    assert "2026-02-0" in ran.out


def test_missing_intervals_are_named_and_end_with_3(cli: Any, exchange: RunningSimulator):
    exchange.control(faults={"lost_rate": 0.05})
    ran = cli(*ASK)
    assert ran.code == 3
    ran.assert_one_clear_message()
    assert "intervals are missing" in ran.err
    assert "USDT 2026-02-0" in ran.err
    exchange.control(faults={"lost_rate": 0.0})
    assert cli(*ASK).code == 0


def test_a_proxy_that_nobody_answers_at_is_named(cli: Any, monkeypatch: pytest.MonkeyPatch):
    """The venue's address is right: to look there would be in vain."""
    monkeypatch.setenv("MARKET_ASSETS_HTTP__PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("MARKET_ASSETS_HTTP__ATTEMPTS", "1")
    ran = cli(*ASK)
    assert ran.code == 4
    ran.assert_one_clear_message()
    assert "cannot connect through the proxy http://127.0.0.1:9" in ran.err


def test_a_candle_in_progress_is_told_and_not_an_error(cli: Any):
    ran = cli("ingest", "--venue", "binance", *TWO, "--from", "2026-03-10", "--to", "2026-03-11")
    assert ran.code == 0
    assert "Not closed yet, and so not stored: from 2026-03-10 12:00 on" in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--venue", "binence", *TWO, *DAYS), "Did you mean binance?"),
        (("--venue", "kraken", *TWO, *DAYS), "Venues are binance, okx, aster"),
        (("--venue", "binance", "--dataset", "candles", *TWO, *DAYS), "Datasets are ohlcv"),
        (("--venue", "binance", "--interval", "7m", *TWO, *DAYS), "Candle lengths are 1m"),
        (("--venue", "okx", "--interval", "8h", *TWO, *DAYS), "okx has no candles of '8h'"),
        (
            ("--venue", "binance", *TWO, "--from", "2026-02-05", "--to", "2026-02-01"),
            "--to 2026-02-01 00:00 is not after --from 2026-02-05 00:00",
        ),
        (
            ("--venue", "binance", *TWO, "--from", "2026-02-01T00:30", "--to", "2026-02-05"),
            "whole candles of 1h",
        ),
        (("--venue", "binance", *TWO, "--from", "2999-01-01"), "2999-01-01 00:00 is yet to come"),
        (("--venue", "binance", "--symbols", "BTCUSD", *DAYS), "Did you mean BTCUSDT"),
        (("--venue", "binance", "--symbols", " , ", *DAYS), "Name one at least"),
    ],
)
def test_a_request_that_makes_no_sense_says_what_would(
    cli: Any, arguments: tuple[str, ...], told: str
):
    ran = cli("ingest", *arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert told in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--venue", "binance", "--from", "2026-13-01"), "Write 2026-01-31"),
        (("--venue", "binance", "--from", "yesterday"), "Write 2026-01-31"),
        ((), "--venue"),
        (("--venue", "binance", "--form", "2026-02-01"), "--from"),
    ],
)
def test_a_typo_in_the_arguments_is_pointed_out(cli: Any, arguments: tuple[str, ...], told: str):
    ran = cli("ingest", *arguments)
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.said


def test_a_mistake_is_found_before_anything_is_asked_or_made(
    cli: Any, exchange: RunningSimulator, tmp_path: Path
):
    cli("ingest", "--venue", "binence", *TWO, *DAYS)
    assert exchange.stats()["binance"]["requests"] == 0
    assert not (tmp_path / "warehouse").exists()


def test_an_unknown_setting_in_the_environment_is_named(cli: Any, monkeypatch: Any):
    monkeypatch.setenv("MARKET_ASSETS_WAREHOUSE__PTH", "/nowhere")
    ran = cli(*ASK)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "MARKET_ASSETS_WAREHOUSE__P" in ran.err


# -- venues that do not answer


def test_no_exchange_at_the_address_is_one_message_soon(cli: Any, monkeypatch: Any):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MARKET_ASSETS_VENUES__BINANCE__BASE_URL", address)
    monkeypatch.delenv("MARKET_ASSETS_HTTP__BACKOFF_SECONDS")  # as a new user has it
    began = time.monotonic()
    ran = cli(*ASK)
    assert time.monotonic() - began < 60
    assert ran.code == 4
    ran.assert_one_clear_message()
    assert address in ran.err
    assert "market-assets simulate" in ran.err


def test_a_ban_longer_than_our_patience_ends_with_4_and_the_time(
    cli: Any, exchange: RunningSimulator
):
    ban = {"fault": "http_418", "start_request": 1, "end_request": 1}
    exchange.control(faults={"schedule": [ban], "retry_after": 3000})
    ran = cli(*ASK)
    assert ran.code == 4
    ran.assert_one_clear_message()
    assert "banned this address until" in ran.err


def test_a_geo_block_ends_with_5_and_what_to_do(cli: Any, exchange: RunningSimulator):
    exchange.control(faults={"http_451": 1.0})
    ran = cli(*ASK)
    assert ran.code == 5
    ran.assert_one_clear_message()
    assert "HTTP 451" in ran.err
    assert "venues.binance.base_url" in ran.err


# -- interrupted


@pytest.mark.slow
def test_ctrl_c_in_the_middle_keeps_what_is_done_and_the_same_command_goes_on(
    cli: Any,
    start: Callable[..., subprocess.Popen[str]],
    exchange: RunningSimulator,
    tmp_path: Path,
):
    arguments = ("ingest", "--venue", "binance", *TWO, "--from", "2025-06-01", "--to", "2026-02-01")
    # Slow enough that a busy machine still meets it in the middle.
    exchange.control(faults={"latency_ms": 400})
    run = start(
        *arguments,
        MARKET_ASSETS_INGEST__COMMIT_ROWS="100",
        MARKET_ASSETS_VENUES__BINANCE__CONCURRENCY="1",
    )
    while run.poll() is None and exchange.stats()["binance"]["requests"] < 10:
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130, out + err
    assert "Traceback" not in err
    assert "the same command goes on from there" in err
    stored = count(tmp_path / "warehouse")
    assert 0 < stored < 2 * 245 * 24
    exchange.control(faults={"latency_ms": 0})
    ran = cli(*arguments)
    assert ran.code == 0
    assert f"{stored} points complete before" in ran.out
    assert count(tmp_path / "warehouse") == 2 * 245 * 24


# -- disks


@pytest.mark.slow
def test_a_full_disk_is_one_message_and_with_more_room_the_same_command_goes_on(
    cli: Any, disk: Callable[[str], Path], monkeypatch: Any
):
    folder = disk("size=800k")
    monkeypatch.setenv("MARKET_ASSETS_WAREHOUSE__PATH", str(folder / "warehouse"))
    monkeypatch.setenv("MARKET_ASSETS_INGEST__COMMIT_ROWS", "2500")
    arguments = ("ingest", "--venue", "binance", "--from", "2025-09-01", "--to", "2026-02-01")
    ran = cli(*arguments)
    assert ran.code == 6
    ran.assert_one_clear_message()
    assert "no space" in ran.err
    disk("size=200m")
    stored = count(folder / "warehouse") if (folder / "warehouse/catalog.sqlite").exists() else 0
    assert cli(*arguments).code == 0
    assert count(folder / "warehouse") == 5 * 153 * 24 >= stored


def test_a_read_only_warehouse_is_one_message_and_nothing_in_it_is_lost(
    cli: Any, disk: Callable[[str], Path], monkeypatch: Any
):
    folder = disk("size=100m")
    monkeypatch.setenv("MARKET_ASSETS_WAREHOUSE__PATH", str(folder / "warehouse"))
    assert cli(*ASK).code == 0
    disk("ro,size=100m")
    ran = cli("ingest", "--venue", "binance", *TWO, "--from", "2026-02-01", "--to", "2026-02-08")
    assert ran.code == 6
    ran.assert_one_clear_message()
    assert "cannot be written" in ran.err
    assert str(folder) in ran.err
    disk("rw,size=100m")
    assert count(folder / "warehouse") == 192


def test_a_folder_that_cannot_be_made_is_one_message(
    cli: Any, disk: Callable[[str], Path], monkeypatch: Any
):
    folder = disk("ro,size=1m")
    monkeypatch.setenv("MARKET_ASSETS_WAREHOUSE__PATH", str(folder / "warehouse"))
    ran = cli(*ASK)
    assert ran.code == 6
    ran.assert_one_clear_message()
