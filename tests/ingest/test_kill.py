"""A run that is killed at any moment leaves a store that is whole, and the next run goes on."""

from __future__ import annotations

import random
import signal
import time

import doomed_worker
import pytest
from forked_support import forking
from lab_support import Lab, window

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.ducklake import DuckLakeWarehouse

KILLS = 20
SYMBOLS = ("BTCUSDT", "ETHUSDT")
SPAN = window("2025-08-01", "2026-03-01")
HOUR = 3_600_000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_twenty_times_never_leaves_half_a_chunk(lab: Lab):
    chance = random.Random(7)
    lab.exchange.control(faults={"latency_ms": 40})
    environment = {
        "MARKET_ASSETS_STATE_DIR": str(lab.folder / "state"),
        "MARKET_ASSETS_WAREHOUSE__PATH": str(lab.lake.path),
        "MARKET_ASSETS_VENUES__BINANCE__BASE_URL": lab.exchange.base_url("binance"),
        "MARKET_ASSETS_VENUES__BINANCE__CONCURRENCY": "2",
        "MARKET_ASSETS_INGEST__COMMIT_ROWS": "100",
    }
    command = [
        "ingest", "--venue", "binance",
        "--symbols", ",".join(SYMBOLS), "--from", "2025-08-01", "--to", "2026-03-01", "--quiet",
    ]  # fmt: skip
    truth = {s: {r["timestamp"]: r for r in lab.true_candles("binance", s, SPAN)} for s in SYMBOLS}
    stored_after: list[int] = []
    killed = 0
    for kill in range(KILLS):
        lab.exchange.control(reset_stats=True)
        run = forking().Process(target=doomed_worker.run, args=(environment, command))
        run.start()
        # Time, the instruments, then pages: from before the first to some chunks later.
        after = kill % 13
        while run.is_alive() and lab.exchange.stats()["binance"]["requests"] < after:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.4))
        run.kill()
        run.join()
        killed += run.exitcode == -signal.SIGKILL
        rows = 0
        with DuckLakeWarehouse(lab.lake.path, read_only=True) as reader:
            for symbol in SYMBOLS:
                stored = {
                    row["timestamp"]: row
                    for row in Lab(lab.exchange, reader, lab.folder, lab.given).candles(
                        "binance", symbol, SPAN
                    )
                }
                covered = reader.covered("binance", OHLCV, "1h", [symbol], SPAN)[symbol]
                done = {t for part in covered for t in part.grid(HOUR)}
                assert set(stored) == done, "rows and their coverage are one transaction"
                assert all(row == truth[symbol][t] for t, row in stored.items())
                rows += len(stored)
        stored_after.append(rows)
    assert killed > KILLS / 2, "most of them were at work"
    assert stored_after == sorted(stored_after), "nothing that was stored is ever lost"
    assert len(set(stored_after)) > 3, "the kills hit at different moments"
    lab.exchange.control(faults={"latency_ms": 0})
    lab.ingest("binance", SYMBOLS, SPAN).raise_if_incomplete()
    lab.assert_truth("binance", SYMBOLS, SPAN)
