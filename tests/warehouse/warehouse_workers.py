"""What the other processes do in the tests of concurrency and of sudden death."""

from __future__ import annotations

import itertools
import resource
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from warehouse_support import HOURS, SYMBOLS, candle_batch

from market_assets.errors import MarketAssetsError
from market_assets.warehouse.ducklake import DuckLakeWarehouse

SHARED_DAY = 0
# One window is whole when it has every row once, all of one version.
WINDOWS = f"""
    SELECT floor((epoch_ms(timestamp) - epoch_ms(TIMESTAMP '2026-01-31 12:00')) / 86400000) AS day,
           count(*) AS n, count(DISTINCT (symbol, timestamp)) AS keys,
           min(volume) AS oldest, max(volume) AS newest,
           n = {HOURS * len(SYMBOLS)} AND keys = n AND oldest = newest AS whole
    FROM raw.binance_ohlcv GROUP BY 1
"""
TORN = f"SELECT * FROM ({WINDOWS}) WHERE NOT whole"
# Rows that are not what their last correction made of them: half of a commit is there.
HALF_CORRECTED = """
    SELECT * FROM raw.binance_ohlcv JOIN (
        SELECT symbol, timestamp,
               arg_max(CAST(json_extract(new_values, '$.volume') AS DOUBLE), revised_at) AS last
        FROM ops.revisions GROUP BY ALL
    ) USING (symbol, timestamp) WHERE volume <> last
"""


def write_windows(
    path: Path, worker: int, begin_at: float, seconds: float, out: Connection
) -> None:
    """Open, all at once, then replace whole windows: my own, and one that everybody writes."""
    try:
        _wait_until(begin_at)
        commits = 0
        with DuckLakeWarehouse(path, venues=["binance"]) as warehouse:
            until = time.time() + seconds
            for version in itertools.count(1):
                for day in (SHARED_DAY, worker):
                    volume = float(version * 100 + worker)
                    warehouse.commit(candle_batch(day * HOURS, volume=volume, run_id=f"w{worker}"))
                    commits += 1
                if time.time() > until:
                    break
        out.send(commits)
    except BaseException:
        out.send(traceback.format_exc())


def read_windows(path: Path, seconds: float, out: Connection) -> None:
    """Look for torn windows all the time."""
    try:
        reads, seen = 0, 0
        torn: list[dict[str, Any]] = []
        while not (path / "catalog.sqlite").exists():
            time.sleep(0.02)
        with DuckLakeWarehouse(path, read_only=True) as warehouse:
            until = time.time() + seconds
            while time.time() < until:
                windows = warehouse.query(WINDOWS).to_pylist()
                torn += [window for window in windows if not window["whole"]]
                # A replaced window is never away, not even for a moment.
                if len(windows) < seen:
                    torn.append({"windows": windows, "seen before": seen})
                seen = len(windows)
                torn += warehouse.query(HALF_CORRECTED).to_pylist()[:1]
                reads += 1
        out.send((reads, torn))
    except BaseException:
        out.send(traceback.format_exc())


def write_until_killed(path: Path, days: int, first_version: int, out: Connection) -> None:
    with DuckLakeWarehouse(path) as warehouse:
        out.send("ready")
        for version in itertools.count(first_version):
            for day in range(days):
                warehouse.commit(candle_batch(day * HOURS, volume=float(version)))


def open_until_killed(path: Path, out: Connection) -> None:
    out.send("ready")
    DuckLakeWarehouse(path, venues=["binance"])
    time.sleep(60)


def hold_the_lock(path: Path, out: Connection) -> None:
    with DuckLakeWarehouse(path) as warehouse, warehouse.writing_alone("Testing"):
        out.send("held")
        time.sleep(60)


def write_with_small_files(path: Path, limit: int, out: Connection) -> None:
    """Commit where no file may grow beyond `limit` bytes, then again without that limit."""
    with DuckLakeWarehouse(path) as warehouse:
        warehouse.commit(candle_batch(0))
        free = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, free[1]))
        try:
            warehouse.commit(candle_batch(HOURS, 24 * 400))
            out.send("committed")
        except MarketAssetsError as error:
            out.send((type(error).__name__, str(error)))
        except BaseException:
            out.send(traceback.format_exc())
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
        out.send(warehouse.query(TORN).num_rows)
        out.send(warehouse.commit(candle_batch(HOURS, 24 * 400)).inserted)


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))
