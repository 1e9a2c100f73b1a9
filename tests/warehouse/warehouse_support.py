"""Candles and batches for the warehouse's tests, small and cheap to make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, Window, to_datetime, to_ms
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Batch, SeriesOutcome
from market_assets.warehouse.ducklake import DuckLakeWarehouse

START = to_ms(datetime(2026, 1, 31, 12, tzinfo=UTC))  # its first day crosses a month
SYMBOLS = ("BTCUSDT", "ETHUSDT")
HOURS = 24

# A warehouse, open until its test ends.
Open = Callable[..., DuckLakeWarehouse]


def hours(first: int, count: int) -> Window:
    return Window(START + first * HOUR_MS, START + (first + count) * HOUR_MS)


def at(hour: int) -> datetime:
    return to_datetime(START + hour * HOUR_MS)


def candles(
    first: int = 0,
    count: int = HOURS,
    *,
    symbols: Sequence[str] = SYMBOLS,
    volume: float = 1.0,
    run_id: str = "run-1",
    **changes: Any,
) -> pa.Table:
    """`count` hourly candles of each symbol; `changes` are columns with one value for all rows."""
    rows = [
        {
            "timestamp": at(first + hour),
            "symbol": symbol,
            "venue": "binance",
            "interval": "1h",
            "open": 100.1 + hour,
            "high": 101.1 + hour,
            "low": 99.1 + hour,
            "close": 100.3 + hour,
            "volume": volume,
            "quote_volume": 100.0 * volume,
            "num_trades": 10,
            "taker_buy_volume": None,
            "taker_buy_quote_volume": None,
            "ingestion_time": datetime(2026, 3, 1, tzinfo=UTC),
            "source": "sim",
            "is_backfill": True,
            "run_id": run_id,
        }
        | changes
        for symbol in symbols
        for hour in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=OHLCV.arrow_schema())


def candle_batch(
    first: int = 0,
    count: int = HOURS,
    *,
    symbols: Sequence[str] = SYMBOLS,
    volume: float = 1.0,
    run_id: str = "run-1",
    **more: Any,
) -> Batch:
    """A whole window of candles, each series complete in it."""
    window = hours(first, count)
    values: dict[str, Any] = {
        "rows": candles(first, count, symbols=symbols, volume=volume, run_id=run_id),
        "series": [SeriesOutcome(symbol, window, (window,)) for symbol in symbols],
    }
    return Batch("binance", OHLCV, "1h", run_id, **(values | more))


def batch_of(dataset: Dataset, rows: Sequence[Mapping[str, Any]], run_id: str = "run-1") -> Batch:
    table = pa.Table.from_pylist(list(rows), schema=dataset.arrow_schema())
    return Batch("binance", dataset, "", run_id, table)


def request(hour: int = 0, **changes: Any) -> RequestRecord:
    values: dict[str, Any] = {
        "at": at(hour),
        "venue": "binance",
        "endpoint": "/fapi/v1/klines",
        "symbol": "BTCUSDT",
        "status": 200,
        "outcome": "ok",
        "latency_ms": 12.5,
        "weight": 2,
        "attempt": 1,
        "bytes": 1234,
        "run_id": "run-1",
    }
    return RequestRecord(**(values | changes))


def ask(warehouse: DuckLakeWarehouse | BigQueryWarehouse, sql: str) -> list[dict[str, Any]]:
    """Look into the store by the connection that is there: `query` would make a second one."""
    with warehouse._session.reading("Testing") as cursor:
        if isinstance(warehouse, DuckLakeWarehouse):
            cursor.execute("USE lake")
        rows: list[dict[str, Any]] = cursor.execute(sql).to_arrow_table().to_pylist()
    return rows


def change(warehouse: DuckLakeWarehouse | BigQueryWarehouse, *statements: str) -> None:
    """Change rows behind the store's back, in one transaction."""
    warehouse._session.write("Testing", lambda c: [c.execute(sql) for sql in statements])
