"""Rows for stories that no venue would tell, each of symbols or tables of its own: one build serves
all of them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
from marts_support import VENUES, MartsLab

LEAP, TWICE, WILD = "LEAPUSDT", "TWICEUSDT", ("BTCUSDT", "ETHUSDT")
READ = ["ohlcv", "daily_ohlcv", "ohlcv_4h", "hourly_stats"]
READ += ["trade_executions", "strategy_performance_daily"]


def build_by_hand(lab: MartsLab) -> None:
    lab.insert("okx_ohlcv", leap_hours() + stored_twice())
    for venue, rows in wild_rows(random.Random(5)).items():
        lab.insert(f"{venue}_ohlcv", rows)
    for venue, fills in made_fills().groupby("venue"):
        given = fills.assign(metadata=None).astype({"metadata": "object"})
        lab.write(
            f"INSERT INTO lake.raw.{venue}_trade_executions BY NAME"
            " SELECT * REPLACE (nullif(fee, 'nan') AS fee, nullif(pnl, 'nan') AS pnl) FROM given",
            given,
        )
    lab.build(select=READ)


def leap_hours() -> list[dict[str, Any]]:
    """Two hours before the last day of February 2024, that day, and two after it."""
    hours = pd.date_range("2024-02-28 22:00", "2024-03-01 01:00", freq="h")
    of_series = {"symbol": LEAP, "venue": "okx", "interval": "1h", "volume": 1.0}
    return [
        {**of_series, "timestamp": hour}
        | {"open": n + 1.0, "high": n + 3.0, "low": n + 0.5, "close": n + 2.0}
        for n, hour in enumerate(hours)
    ]


def stored_twice() -> list[dict[str, Any]]:
    """Two hours, the second twice; what was stored last comes first."""
    of_series = {"symbol": TWICE, "venue": "okx", "interval": "1h", "volume": 1.0}
    return [
        {**of_series, "timestamp": pd.Timestamp(hour), "ingestion_time": pd.Timestamp(stored)}
        | dict.fromkeys(("open", "high", "low", "close"), price)
        for hour, price, stored in [
            ("2026-01-01 00:00", 100.0, "2026-01-01 01:00"),
            ("2026-01-01 01:00", 101.0, "2026-01-01 03:00"),
            ("2026-01-01 01:00", 102.0, "2026-01-01 02:00"),
        ]
    ]


def wild_rows(numbers: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Three hundred hours with gaps, spikes, flat hours and nonsense, on three venues."""
    start = pd.Timestamp("2026-01-05")
    rows: dict[str, list[dict[str, Any]]] = {venue: [] for venue in VENUES}
    for symbol in WILD:
        price = 100.0
        for hour in range(300):
            price *= numbers.choice((0.99, 1.0, 1.01)) * (1.3 if numbers.random() < 0.01 else 1)
            for venue in VENUES:
                if numbers.random() < 0.05:
                    continue
                close = price * numbers.uniform(0.999, 1.001)
                close *= numbers.choice((1.08, 15.0, 0.05)) if numbers.random() < 0.03 else 1
                opened = close if (quiet := numbers.random() < 0.5) else price
                volume = 0.0 if quiet else numbers.uniform(90, 110)
                volume = numbers.choice((1e4, 1e9, -1.0)) if numbers.random() < 0.02 else volume
                high, low = max(opened, close), min(opened, close)
                high, low = (low, high) if numbers.random() < 0.01 else (high, low)
                rows[venue].append(
                    {
                        "timestamp": start + pd.Timedelta(hours=hour),
                        "symbol": symbol,
                        "venue": venue,
                        "interval": "1h",
                        "open": opened,
                        "high": high,
                        "low": 0.0 if numbers.random() < 0.01 else low,
                        "close": close,
                        "volume": volume,
                    }
                )
    return rows


def made_fills() -> pd.DataFrame:
    """Fills of three days and two venues, some without a fee, a strategy or a profit."""
    random = np.random.default_rng(7)
    count = 400
    fills = pd.DataFrame(
        {
            "execution_id": [f"e{n}" for n in range(count)],
            "timestamp": pd.Timestamp("2024-02-28 20:00")
            + pd.to_timedelta(random.integers(0, 3 * 86_400, count), unit="s"),
            "symbol": random.choice(["BTCUSDT", "ETHUSDT"], count),
            "venue": random.choice(["binance", "okx"], count),
            "side": random.choice(["buy", "sell"], count),
            "price": random.uniform(1, 100, count),
            "quantity": random.uniform(0.1, 5, count),
            "fee": np.where(random.random(count) < 0.1, np.nan, random.normal(0.1, 0.2, count)),
            "strategy_id": random.choice(np.array(["a", "b", None], dtype=object), count),
            "pnl": np.where(random.random(count) < 0.3, np.nan, random.normal(0, 10, count)),
        }
    )
    fills.loc[0, "timestamp"] = pd.Timestamp("2024-02-29 00:00:00")
    fills.loc[1, "timestamp"] = pd.Timestamp("2024-02-29 23:59:59.999999")
    return fills
