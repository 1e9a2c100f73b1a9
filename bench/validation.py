"""What judging rows costs: every rule on clean and on dirty candles (aim: 10 ms per 1,000 rows)."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pyarrow as pa

from bench.measure import table
from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, to_datetime
from market_assets.schemas.validation import validate


def candles(count: int, *, broken_every: int = 0) -> pa.Table:
    price = np.full(count, 100.0)
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


def main(runs: int = 30) -> None:
    rows = []
    for name, given in (
        ("1,000 clean rows", candles(1_000)),
        ("1,000 rows, 1 % broken", candles(1_000, broken_every=100)),
        ("25,000 clean rows (one commit)", candles(25_000)),
    ):
        validate(OHLCV, given)
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            validate(OHLCV, given)
            times.append((time.perf_counter() - started) * 1000)
        median = statistics.median(times)
        rows.append((name, f"{median:.2f}", f"{median / given.num_rows * 1000:.2f}"))
    table(
        "Every row rule of ohlcv (aim: 10 ms per 1,000)", ("what", "ms", "ms per 1,000 rows"), rows
    )


if __name__ == "__main__":
    main()
