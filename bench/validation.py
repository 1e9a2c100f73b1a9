"""What judging rows costs: row rules of the ingest, and rules of the checks over what is stored
(aim: 10 ms per 1,000 rows each)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa

from bench.measure import table
from market_assets.checks.policy import Policy
from market_assets.checks.registry import judge_candles
from market_assets.checks.scenes import CandleScene
from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window, to_datetime
from market_assets.schemas.validation import validate


def candles(count: int, *, broken_every: int = 0) -> pa.Table:
    # A price that moves: where nothing varies some rules have little to do.
    price = 100.0 + np.arange(count) * 37 % 101 / 100
    high = price + 1
    if broken_every:
        high[::broken_every] = 1.0
    numbers = {
        "open": price,
        "high": high,
        "low": price - 1,
        "close": price,
        "volume": price,
        "quote_volume": price,
        "num_trades": np.full(count, 5),
        "taker_buy_volume": price / 2,
        "taker_buy_quote_volume": price / 2,
        "timestamp": np.arange(count) * HOUR_MS * 1000,
    }
    told = {
        "symbol": "BTCUSDT",
        "venue": "binance",
        "interval": "1h",
        "ingestion_time": to_datetime(0),
        "source": "rest",
        "is_backfill": True,
        "run_id": "bench",
    }
    schema = OHLCV.arrow_schema()
    columns = [
        arrow.column(numbers[field.name].tolist(), field.type)
        if field.name in numbers
        else arrow.constant(told[field.name], field.type, count)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def measured(runs: int, judge: Callable[[], object]) -> float:
    """The median of some runs, in milliseconds, after one to warm up."""
    judge()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        judge()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def judged_by_all_rules(stored: pa.Table, hours: int) -> None:
    """Every rule over the last so many hours, beside another venue's candles."""
    end = stored.num_rows * HOUR_MS
    window = Window(end - hours * HOUR_MS, end)
    judge_candles(CandleScene("binance", "1h", stored, window, end, {"okx": stored}), Policy())


def main(runs: int = 30) -> None:
    rows = []
    for name, given in (
        ("1,000 clean rows", candles(1_000)),
        ("1,000 rows, 1 % broken", candles(1_000, broken_every=100)),
        ("25,000 clean rows (one commit)", candles(25_000)),
    ):
        median = measured(runs, partial(validate, OHLCV, given))
        rows.append((name, f"{median:.2f}", f"{median / given.num_rows * 1000:.2f}"))
    table(
        "Every row rule of ohlcv (aim: 10 ms per 1,000)", ("what", "ms", "ms per 1,000 rows"), rows
    )
    rows = []
    for name, hours, look_back in (
        ("rules, 1,000 rows", 1_000, 0),
        ("rules, 48 rows with a month before them", 48, 768),
    ):
        stored = candles(hours + look_back)
        median = measured(runs, partial(judged_by_all_rules, stored, hours))
        rows.append((name, f"{median:.2f}", f"{median / stored.num_rows * 1000:.2f}"))
    table(
        "Every rule of the checks over candles (aim: 10 ms per 1,000)",
        ("what", "ms", "ms per 1,000 rows"),
        rows,
    )


if __name__ == "__main__":
    main()
