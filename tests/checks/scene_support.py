"""Scenes made by hand: a candle, a settlement or a listing with only what a test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from market_assets.checks.findings import Finding
from market_assets.checks.scenes import CandleScene, FundingScene
from market_assets.schemas import arrow
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV, Dataset
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, to_datetime, to_ms

# A midnight; every time below is told as hours since then.
START = to_ms(datetime(2026, 1, 1))
FOREVER = START + 3650 * DAY_MS
Row = dict[str, Any]


def at(hours: float) -> int:
    return START + round(hours * HOUR_MS)


def candle(
    hour: float, close: float | None = 100.0, *, symbol: str = "BTCUSDT", **told: Any
) -> Row:
    """One price, ten units in five trades, unless told otherwise."""
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return {
        "timestamp": to_datetime(at(hour)),
        "symbol": symbol,
        "interval": "1h",
        **prices,
        "volume": 10.0,
        "num_trades": 5,
        **told,
    }


def silent(hour: float, close: float = 100.0, **told: Any) -> Row:
    return candle(hour, close, **{"volume": 0.0, "num_trades": 0, **told})


def settlement(
    hour: float, rate: float | None = 0.0001, every: float | None = 8.0, **told: Any
) -> Row:
    moment = to_datetime(at(hour))
    return {
        "timestamp": moment,
        "raw_timestamp": moment,
        "symbol": "BTCUSDT",
        "funding_rate": rate,
        "interval_hours": every,
        **told,
    }


def listing(listed: float = -100_000, delisted: float | None = None, **told: Any) -> Row:
    """A version of an instrument; it is known since its listing unless told otherwise."""
    return {
        "symbol": "BTCUSDT",
        "status": "trading",
        "listed_at": to_datetime(at(listed)),
        "delisted_at": None if delisted is None else to_datetime(at(delisted)),
        "valid_from": to_datetime(at(listed)),
        **told,
    }


def table(dataset: Dataset, rows: Iterable[Row], venue: str = "binance") -> Any:
    stored = {"venue": venue, "ingestion_time": to_datetime(START), "source": "rest"}
    blank = {"is_backfill": False, "run_id": "test"}
    return arrow.table([{**stored, **blank, **row} for row in rows], dataset.arrow_schema())


def candles(
    rows: Iterable[Row],
    *,
    hours: tuple[float, float] = (0, 10_000),
    others: Mapping[str, Iterable[Row]] | None = None,
    listings: Iterable[Row] | None = None,
    now: int = FOREVER,
    interval: str = "1h",
) -> CandleScene:
    """Binance's candles, judged in the hours [from, to)."""
    return CandleScene(
        venue="binance",
        interval=interval,
        candles=table(OHLCV, rows),
        window=Window(at(hours[0]), at(hours[1])),
        now_ms=now,
        others={v: table(OHLCV, told, v) for v, told in (others or {}).items()},
        instruments=None if listings is None else table(INSTRUMENTS, listings),
    )


def settlements(
    rows: Iterable[Row],
    *,
    hours: tuple[float, float] = (0, 10_000),
    listings: Iterable[Row] | None = None,
    now: int = FOREVER,
) -> FundingScene:
    return FundingScene(
        venue="binance",
        settlements=table(FUNDING_RATES, rows),
        window=Window(at(hours[0]), at(hours[1])),
        now_ms=now,
        instruments=None if listings is None else table(INSTRUMENTS, listings),
    )


def hours_of(findings: Iterable[Finding]) -> list[int]:
    """Every hour that a finding covers, in order of the findings."""
    return [
        hour
        for finding in findings
        for hour in range((finding.at_ms - START) // HOUR_MS, (finding.until_ms - START) // HOUR_MS)
    ]
