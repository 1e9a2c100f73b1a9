"""What a new day costs the marts, with one and with two years of history, and a warm read.

A history of two years is made by SQL, hours of 10 symbols on 3 venues: the marts are measured here,
not the ingest.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from market_assets.marts.build import build
from market_assets.marts.project import Project
from market_assets.settings import Settings, load_settings
from market_assets.venues.registry import VENUES
from market_assets.warehouse.connection import connect
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.layout import Layout

BASES = ("BTC", "ETH", "UNI", "LINK", "AAVE", "SOL", "XRP", "ADA", "DOT", "AVAX")
SYMBOLS = [f"{base}USDT" for base in BASES]
LAST = date(2026, 10, 31)
DAYS_TIMED = 3
MOST_RATIO = 1.3
MOST_READ_MS = 50
# Walks of one seed: the same data in every run.
CANDLES = """
INSERT INTO lake.raw.{venue}_ohlcv BY NAME
WITH hours AS (
    SELECT unnest(
        generate_series(TIMESTAMP '{first}', TIMESTAMP '{last} 23:00', INTERVAL 1 HOUR)
    ) AS timestamp
), symbols AS (SELECT unnest({symbols}) AS symbol),
steps AS (
    SELECT timestamp, symbol,
        (hash(symbol, timestamp) % 2001::UBIGINT)::DOUBLE / 1e5 - 0.01 AS step
    FROM hours, symbols
), walked AS (
    SELECT *, 100 * exp(sum(step) OVER (PARTITION BY symbol ORDER BY timestamp)) AS close FROM steps
)
SELECT timestamp, symbol, '{venue}' AS venue, '1h' AS interval, close / exp(step) AS open,
    greatest(close, close / exp(step)) * 1.001 AS high,
    least(close, close / exp(step)) * 0.999 AS low, close,
    1000 + 500 * sin(epoch(timestamp) / 7200) AS volume, close * 1000 AS quote_volume,
    100 AS num_trades, 500.0 AS taker_buy_volume, close * 500 AS taker_buy_quote_volume,
    timestamp AS ingestion_time, 'rest' AS source, true AS is_backfill, 'bench' AS run_id
FROM walked
"""
FUNDING = """
INSERT INTO lake.raw.{venue}_funding_rates BY NAME
SELECT timestamp, symbol, '{venue}' AS venue, sin(epoch(timestamp)) / 1e4 AS funding_rate,
    NULL::DOUBLE AS predicted_rate, timestamp AS raw_timestamp, 8.0 AS interval_hours,
    NULL::DOUBLE AS mark_price, timestamp AS ingestion_time, 'rest' AS source,
    true AS is_backfill, 'bench' AS run_id
FROM (SELECT unnest(
    generate_series(TIMESTAMP '{first}', TIMESTAMP '{last} 16:00', INTERVAL 8 HOUR)
) AS timestamp), (SELECT unnest({symbols}) AS symbol)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        years = {n: _prepared(Path(folder) / f"{n}", n) for n in (1, 2)}
        cpu: dict[int, list[float]] = {1: [], 2: []}
        wall: dict[int, list[float]] = {1: [], 2: []}
        # By turns, so that a busy minute is not one side's alone.
        for day in range(DAYS_TIMED):
            for n, settings in years.items():
                one = LAST - timedelta(days=day)
                begun, used = time.monotonic(), _children()
                build(settings, first=one, last=one, tests=False)
                wall[n].append(time.monotonic() - begun)
                cpu[n].append(_children() - used)
        ratio = statistics.median(cpu[2]) / statistics.median(cpu[1])
        print(
            f"a new day, 10 symbols on 3 venues, all marts: {statistics.median(wall[1]):.1f} s"
            f" ({statistics.median(cpu[1]):.1f} s CPU) with 1 year of history,"
            f" {statistics.median(wall[2]):.1f} s ({statistics.median(cpu[2]):.1f} s CPU) with 2"
        )
        print(f"  CPU ratio {ratio:.2f} (limit {MOST_RATIO})")
        print(
            f"1,000 hourly candles of one symbol, warm: {_read(years[2]):.0f} ms"
            f" (limit {MOST_READ_MS})"
        )


def _prepared(folder: Path, years: int) -> Settings:
    folder.mkdir()
    file = folder / "platform.yaml"
    file.write_text(json.dumps({"state_dir": "state", "warehouse": {"path": "warehouse"}}))
    settings = load_settings(file, environ={})
    DuckLakeWarehouse(settings.warehouse.path, venues=tuple(VENUES)).close()
    span = {"first": LAST - timedelta(days=365 * years), "last": LAST, "symbols": SYMBOLS}
    connection = connect(Layout(settings.warehouse.path))
    for venue in VENUES:
        for statement in (CANDLES, FUNDING):
            connection.execute(statement.format(venue=venue, **span))
    connection.close()
    begun = time.monotonic()
    build(settings, tests=False)
    print(f"{years} years: the whole history is built in {time.monotonic() - begun:.0f} s")
    assert not Project(settings).is_stale()
    return settings


def _read(settings: Settings) -> float:
    sql = (
        "SELECT * FROM marts.ohlcv WHERE symbol = 'ETHUSDT' AND venue = 'okx' AND interval = '1h'"
        " ORDER BY timestamp DESC LIMIT 1000"
    )
    with DuckLakeWarehouse(settings.warehouse.path, read_only=True) as warehouse:
        times = []
        for _ in range(20):
            begun = time.monotonic()
            assert warehouse.query(sql).num_rows == 1000
            times.append(1000 * (time.monotonic() - begun))
    return statistics.median(times[3:])


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
