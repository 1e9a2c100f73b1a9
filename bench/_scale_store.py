"""A large installation: its settings, and batches as a backfill's runs commit them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from market_assets.ingest.plan import chunks
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window, to_datetime
from market_assets.settings import Settings, load_settings
from market_assets.simulator.process import RunningSimulator
from market_assets.venues.registry import VENUES
from market_assets.warehouse.contract import Batch, SeriesOutcome
from market_assets.warehouse.ducklake import DuckLakeWarehouse


def names(count: int) -> list[str]:
    return [f"S{number:03d}USDT" for number in range(count)]


def settings_in(
    folder: Path, symbols: list[str], year: Window, exchange: RunningSimulator
) -> Settings:
    start = to_datetime(year.start).date().isoformat()
    venues = {
        venue: {"base_url": exchange.base_url(venue), "symbols": symbols, "start": start}
        for venue in VENUES
    }
    told = {
        "state_dir": str(folder / "state"),
        "warehouse": {"path": str(folder / "warehouse")},
        "venues": venues,
    }
    file = folder / "platform.yaml"
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    return load_settings(file, {})


def batches(
    lake: DuckLakeWarehouse, venue: str, symbols: list[str], run: Window, settings: Settings
) -> Iterator[Batch]:
    """What a backfill's run would commit, chunk by chunk; what is there already is left out."""
    known = lake.covered(venue, OHLCV, "1h", symbols, run)
    if any(known.values()):
        run = run.clip(end=min(windows[0].start for windows in known.values() if windows))
    if run.length <= 0:
        return
    page = VENUES[venue].limits.candle_page_rows
    todo = {symbol: [run] for symbol in symbols}
    for part in chunks(todo, HOUR_MS, page, settings.ingest.commit_rows):
        starts = [window for windows in part.values() for window in windows]
        yield made(
            venue,
            symbols,
            Window(min(w.start for w in starts), max(w.end for w in starts)),
        )


def made(venue: str, symbols: list[str], within: Window) -> Batch:
    """Every hour of every symbol: walks, so that files are as large as real prices make them."""
    hours = np.arange(within.start, within.end, HOUR_MS)
    shape = (len(symbols), len(hours))
    noise = np.random.default_rng([within.start // HOUR_MS, sum(venue.encode())])
    walk = np.exp(noise.normal(0, 0.004, shape).cumsum(axis=1))
    close = np.round(walk * np.linspace(0.5, 900, len(symbols))[:, None], 4)
    opened = np.round(np.concatenate([close[:, :1], close[:, :-1]], axis=1), 4)
    spread = np.round(np.abs(noise.normal(0, 0.002, shape)) * close, 4)
    volume = np.round(noise.lognormal(6, 1, shape), 3)
    taker = np.round(volume * noise.uniform(0.3, 0.7, shape), 3)
    count = close.size
    same = {
        "venue": venue,
        "interval": "1h",
        "ingestion_time": within.end,
        "source": "rest",
        "is_backfill": True,
        "run_id": f"bench-{within.start}",
    }
    values: dict[str, Any] = {
        "timestamp": pa.array(np.tile(hours, len(symbols))),
        "symbol": pa.array(np.repeat(symbols, len(hours))),
        "open": opened,
        "high": np.maximum(opened, close) + spread,
        "low": np.minimum(opened, close) - np.minimum(spread, 0.1 * close),
        "close": close,
        "volume": volume,
        "quote_volume": np.round(volume * close, 4),
        "num_trades": noise.integers(50, 5000, shape),
        "taker_buy_volume": taker,
        "taker_buy_quote_volume": np.round(taker * close, 4),
    }
    columns = []
    schema = OHLCV.arrow_schema()
    for field in schema:
        given = values.get(field.name)
        if given is None:
            given = pa.array([same[field.name]]).take(pa.array(np.zeros(count, dtype=np.int64)))
        elif isinstance(given, np.ndarray):
            given = pa.array(given.ravel())
        if pa.types.is_timestamp(field.type):
            given = given.cast(pa.timestamp("ms", "UTC"))
        columns.append(given.cast(field.type))
    rows = pa.table(columns, schema=schema)
    outcomes = [SeriesOutcome(symbol, within, complete=(within,)) for symbol in symbols]
    return Batch(venue, OHLCV, "1h", f"bench-{within.start}", rows, series=outcomes)
