"""Runs that meet each other, and runs that are stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import dagster as dg
import pytest
from lab_support import window
from platform_support import SYMBOLS, Platform

DAY = ("2026-03-04-00:00", "2026-03-04-23:00")


def test_two_runs_for_the_same_partitions_at_once_leave_one_result(platform: Platform) -> None:
    defs = platform.defs

    def one(_number: int) -> tuple[bool, int]:
        with dg.DagsterInstance.ephemeral() as instance:
            other = replace(platform, instance=instance)
            other.__dict__["defs"] = defs  # made once: only what runs is to happen twice
            result = other.run("binance_ohlcv", *DAY)
            return result.success, len(other.materialised("binance_ohlcv"))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [(True, 24)] * 2
    platform.lab.assert_truth("binance", SYMBOLS, window("2026-03-04", "2026-03-05"))
    [counted] = platform.lab.lake.ask(
        "select count(*) as stored, count(distinct (symbol, timestamp)) as candles"
        " from raw.binance_ohlcv"
    ).to_pylist()
    assert counted["stored"] == counted["candles"] == 24 * len(SYMBOLS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_ends_at_once_and_what_is_stored_counts(
    platform: Platform, number: signal.Signals
) -> None:
    assert platform.run("okx_ohlcv", "2026-03-04-00:00", "2026-03-04-05:00").success
    exchange = platform.lab.exchange
    exchange.control(latency_ms=2000, reset_stats=True)
    sent: list[float] = []

    def cancel() -> None:
        while not exchange.stats()["okx"]["requests"]:
            time.sleep(0.05)
        sent.append(time.monotonic())
        os.kill(os.getpid(), number)

    stopper = threading.Thread(target=cancel)
    stopper.start()
    result = platform.run("okx_ohlcv", *DAY)
    stopper.join()
    [ended] = [e for e in result.all_events if e.event_type is dg.DagsterEventType.RUN_FAILURE]
    assert "Execution was interrupted" in (ended.message or "")
    assert time.monotonic() - sent[0] < 60
    assert len(platform.materialised("okx_ohlcv")) == 6
    exchange.control(latency_ms=0)
    assert platform.run("okx_ohlcv", *DAY).success
    platform.lab.assert_truth("okx", SYMBOLS, window("2026-03-04", "2026-03-05"))
