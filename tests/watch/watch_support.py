"""What tests of the watch share: a lab with some days in it, and one look at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lab_support import NOW, Lab, window

from market_assets.health.observed import DayCompleteness, Observed, Series
from market_assets.watch.memory import Memory
from market_assets.watch.observing import Observer, Sight

SYMBOLS = ("BTCUSDT", "NEWUSDT")
THEN = datetime.fromisoformat(NOW)
ONE_VENUE: Mapping[str, Any] = {
    "venues": {
        "binance": {"symbols": list(SYMBOLS), "start": "2026-02-01"},
        "okx": {"enabled": False},
        "aster": {"enabled": False},
    }
}


def seen(lab: Lab, now: datetime = THEN, memory: Memory | None = None) -> Sight:
    """One look by eyes of their own."""
    observer = Observer(lab.settings)
    try:
        return observer.observe(now, memory or Memory(now))
    finally:
        observer.close()


def one_series(observed: Observed, symbol: str, dataset: str = "ohlcv") -> Series:
    assert observed.series is not None
    [found] = [s for s in observed.series if (s.symbol, s.dataset) == (symbol, dataset)]
    return found


def days_of(observed: Observed, symbol: str, dataset: str = "ohlcv") -> list[DayCompleteness]:
    assert observed.completeness is not None
    return [d for d in observed.completeness if (d.symbol, d.dataset) == (symbol, dataset)]


def with_days(lab: Lab, start: str = "2026-03-08", end: str = "2026-03-10T12:00") -> Lab:
    """Candles, funding and instruments of one venue up to the hour that NOW is in."""
    lab = lab.with_settings(**ONE_VENUE)
    within = window(start, end)
    lab.ingest("binance", SYMBOLS, within)
    lab.ingest("binance", SYMBOLS, within, dataset="funding_rates")
    lab.ingest("binance", SYMBOLS, within, dataset="instruments")
    return lab
