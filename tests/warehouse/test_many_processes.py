"""Several processes at once: nobody fails, nobody sees half a window, no key is stored twice."""

from __future__ import annotations

import os
import random
import time
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from warehouse_support import HOURS, SYMBOLS, Open, ask, candle_batch, hours
from warehouse_workers import (
    HALF_CORRECTED,
    SHARED_DAY,
    TORN,
    WINDOWS,
    hold_the_lock,
    open_until_killed,
    read_windows,
    write_until_killed,
    write_windows,
)

from market_assets.errors import WarehouseBusy
from market_assets.schemas.datasets import OHLCV

# Six processes that never pause take the cores from all other tests; the variable is for longer.
SECONDS = float(os.environ.get("MARKET_ASSETS_TEST_CONCURRENCY_SECONDS", "12"))
WRITERS = 4
KILLS = 20
DAYS = 3


def start(processes: ForkServerContext, target: Any, *args: Any) -> tuple[BaseProcess, Any]:
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=target, args=(*args, sending), daemon=True)
    process.start()
    sending.close()
    return process, receiving


@pytest.mark.slow
def test_writers_and_readers_at_once_lose_tear_and_double_nothing(
    processes: ForkServerContext, tmp_path: Path, opened: Open
) -> None:
    # There is no store yet: all of them make it, at the same moment.
    path = tmp_path / "warehouse"
    begin_at = time.time() + 1.0
    writers = [
        start(processes, write_windows, path, worker, begin_at, SECONDS)
        for worker in range(1, WRITERS + 1)
    ]
    readers = [start(processes, read_windows, path, SECONDS) for _ in range(2)]
    wrote = [pipe.recv() for _, pipe in writers]
    read = [pipe.recv() for _, pipe in readers]
    for process, pipe in [*writers, *readers]:
        process.join(20)
        pipe.close()

    assert all(isinstance(commits, int) and commits >= 2 for commits in wrote), wrote
    for result in read:
        assert not isinstance(result, str), result
        reads, torn = result
        assert torn == []
        assert reads >= 3
    warehouse = opened(path, read_only=True)
    assert len(ask(warehouse, TORN)) == 0
    counted = ask(
        warehouse,
        "SELECT floor((epoch_ms(timestamp) - epoch_ms(TIMESTAMP '2026-01-31 12:00')) / 86400000)"
        " AS day, count(*) AS n FROM raw.binance_ohlcv GROUP BY 1 ORDER BY 1",
    )
    days = [float(day) for day in sorted({SHARED_DAY, *range(1, WRITERS + 1)})]
    assert counted == [{"day": day, "n": HOURS * len(SYMBOLS)} for day in days]
    # Every commit after the first of its window left its old values behind.
    revisions = ask(warehouse, "SELECT count(*) AS n FROM ops.revisions")[0]["n"]
    assert revisions == (sum(wrote) - len(days)) * HOURS * len(SYMBOLS)


@pytest.mark.slow
def test_a_writer_killed_anywhere_leaves_whole_windows_and_a_free_lock(
    processes: ForkServerContext, store: Path, opened: Open
) -> None:
    chance = random.Random(20260131)
    warehouse = opened(store, lock_timeout_seconds=10)

    def assert_all_is_whole() -> None:
        assert len(ask(warehouse, WINDOWS)) == DAYS
        assert ask(warehouse, TORN) == []
        assert ask(warehouse, HALF_CORRECTED) == []

    for day in range(DAYS):
        warehouse.commit(candle_batch(day * HOURS, volume=0.5))
    for round_ in range(1, KILLS + 1):
        victim, pipe = start(processes, write_until_killed, store, DAYS, 1000 * round_)
        assert pipe.recv() == "ready"
        time.sleep(chance.uniform(0.0, 0.35))
        victim.kill()
        victim.join()
        pipe.close()
        assert_all_is_whole()
        warehouse.commit(candle_batch(round_ % DAYS * HOURS, volume=1000.0 * round_ + 999))
        assert_all_is_whole()
    whole = hours(0, DAYS * HOURS)
    assert warehouse.covered("binance", OHLCV, "1h", ["BTCUSDT"], whole)["BTCUSDT"] == [whole]
    # What the dead left on the disk goes with maintenance, and no row with it.
    before = warehouse.read("binance", OHLCV)
    warehouse.maintain(grace_seconds=0, snapshot_days=0)
    assert warehouse.read("binance", OHLCV).equals(before)


@pytest.mark.slow
def test_a_process_killed_while_it_makes_the_store_leaves_none_or_a_whole_one(
    processes: ForkServerContext, tmp_path: Path, opened: Open
) -> None:
    chance = random.Random(7)
    for round_ in range(3):
        path = tmp_path / f"warehouse-{round_}"
        victim, pipe = start(processes, open_until_killed, path)
        assert pipe.recv() == "ready"
        time.sleep(chance.uniform(0.1, 0.7))
        victim.kill()
        victim.join()
        pipe.close()
        warehouse = opened(path, venues=["binance"], lock_timeout_seconds=10)
        assert warehouse.commit(candle_batch()).inserted == HOURS * len(SYMBOLS)
        warehouse.close()


def test_who_waits_too_long_is_told_who_holds_the_warehouse_and_what_to_do(
    processes: ForkServerContext, store: Path, opened: Open
) -> None:
    holder, pipe = start(processes, hold_the_lock, store)
    assert pipe.recv() == "held"
    warehouse = opened(store, lock_timeout_seconds=0.3)
    with pytest.raises(WarehouseBusy, match=f"process {holder.pid} has held") as told:
        warehouse.commit(candle_batch())
    assert "ps -p" in str(told.value)
    # readers are not concerned
    assert len(ask(warehouse, "FROM raw.binance_ohlcv")) == 0
    holder.kill()
    holder.join()
    pipe.close()
    assert warehouse.commit(candle_batch()).inserted == HOURS * len(SYMBOLS)
