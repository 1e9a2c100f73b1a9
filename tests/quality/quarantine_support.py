"""Rows that break rules on their way into a real warehouse, as the ingest brings them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from market_assets.ingest.finding import Finding
from market_assets.ingest.released import Released
from market_assets.ingest.rows import judged
from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.timeline import HOUR_MS, MINUTE_MS, Window, subtract, to_datetime, to_ms
from market_assets.warehouse.contract import Batch, Committed, Gap, QuarantineEntry
from market_assets.warehouse.ducklake import DuckLakeWarehouse

START = to_ms(datetime(2026, 3, 1, tzinfo=UTC))
TABLES = (
    *(f"raw.binance_{dataset}" for dataset in ("ohlcv", "funding_rates", "instruments")),
    "raw.quarantine",
    *(f"ops.{table}" for table in ("gaps", "coverage", "revisions", "changes")),
)


def hour(number: int) -> datetime:
    return to_datetime(START + number * HOUR_MS)


def slot(number: int, minutes: int = 60) -> Window:
    start = START + number * HOUR_MS
    return Window(start, start + minutes * MINUTE_MS)


def candle(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "timestamp": hour(number),
        "symbol": "BTCUSDT",
        "venue": "binance",
        "interval": "1h",
        "open": 100.5,
        "high": 101.5,
        "low": 99.5,
        "close": 100.25,
        "volume": 2.0,
        "quote_volume": 200.0,
        "num_trades": 10,
        "taker_buy_volume": 0.1 + 0.2,
        "taker_buy_quote_volume": None,
        "ingestion_time": hour(number + 1),
        "source": "rest",
        "is_backfill": False,
        "run_id": "run-1",
    } | changes


def settlement(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "timestamp": hour(number),
        "symbol": "BTCUSDT",
        "venue": "binance",
        "funding_rate": 0.0001,
        "raw_timestamp": hour(number),
        "interval_hours": None,
        "ingestion_time": hour(number),
        "source": "rest",
        "is_backfill": False,
        "run_id": "run-1",
    } | changes


# Breaks a rule that a person may overrule: its high is below its close.
ODD = {"high": 100.0}


def bring(
    warehouse: DuckLakeWarehouse,
    *rows: dict[str, Any],
    dataset: Dataset = OHLCV,
    within: Window | None = None,
) -> Committed:
    """What a run does with the rows it read of `within`: judge, store, hold, name the absent."""
    interval = "1h" if dataset is OHLCV else ""
    table = arrow.table(rows, dataset.arrow_schema())
    good, bad = judged(dataset, table, "BTCUSDT", Released(warehouse, "binance", "1h"))
    length = HOUR_MS if dataset is OHLCV else MINUTE_MS
    stored = [Window(start, start + length) for start in map(to_ms, good["timestamp"].to_pylist())]
    read = within or Window(START, START + 24 * HOUR_MS)
    gaps = [Gap(window, "missing", {"unproven": "test"}) for window in subtract([read], stored)]
    finding = Finding("BTCUSDT", (read,), [good], bad, gaps)
    return warehouse.commit(
        Batch(
            "binance",
            dataset,
            interval,
            "run-1",
            good,
            series=finding.outcomes(),
            quarantined=bad,
        )
    )


def held(warehouse: DuckLakeWarehouse, **which: Any) -> list[QuarantineEntry]:
    return warehouse.quarantined(**which)


def missing(
    warehouse: DuckLakeWarehouse, within: Window, dataset: Dataset = OHLCV
) -> Sequence[Window]:
    interval = "1h" if dataset is OHLCV else ""
    gaps = warehouse.gaps("binance", dataset, interval, ["BTCUSDT"], within)["BTCUSDT"]
    return [gap.window for gap in gaps if gap.reason == "missing"]


def covered(
    warehouse: DuckLakeWarehouse, within: Window, dataset: Dataset = OHLCV
) -> Sequence[Window]:
    interval = "1h" if dataset is OHLCV else ""
    return warehouse.covered("binance", dataset, interval, ["BTCUSDT"], within)["BTCUSDT"]


def candles(warehouse: DuckLakeWarehouse) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.read("binance", OHLCV).to_pylist()
    return rows


def values(row: dict[str, Any], dataset: Dataset = OHLCV) -> dict[str, Any]:
    """What a row says, whoever brought it and when."""
    return {name: row.get(name) for name in (*dataset.key, *dataset.values)}


def empty(warehouse: DuckLakeWarehouse) -> None:
    """As it was before the first row."""

    def forget(connection: Any) -> None:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")

    with warehouse.writing_alone("Emptying"):
        warehouse._session.retrying("Emptying", forget)
