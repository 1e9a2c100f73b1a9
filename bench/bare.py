"""The limit to be held against: the shortest script that downloads candles and funding to DuckDB.

No checks, no resume, no holes looked for, no retries: what a person writes in ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pyarrow as pa

STEPS = {"1h": 3_600_000, "1m": 60_000}
AT_ONCE = 8


async def download(arguments: argparse.Namespace) -> None:
    step = STEPS[arguments.interval]
    slots = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=arguments.base_url, timeout=30, verify=False) as http:

        async def get(path: str, **params: Any) -> Any:
            async with slots:
                answer = await http.get(path, params=params)
                answer.raise_for_status()
                return answer.json()

        async def candles(symbol: str, start: int) -> list[Any]:
            end = min(start + arguments.page * step, arguments.end) - 1
            return await get(
                "/fapi/v1/klines",
                symbol=symbol,
                interval=arguments.interval,
                startTime=start,
                endTime=end,
                limit=arguments.page,
            )

        async def funding(symbol: str) -> list[Any]:
            rows: list[Any] = []
            start = arguments.start
            while page := await get(
                "/fapi/v1/fundingRate",
                symbol=symbol,
                startTime=start,
                endTime=arguments.end - 1,
                limit=1000,
            ):
                rows += page
                start = page[-1]["fundingTime"] + 1
            return rows

        pages = [
            (symbol, start)
            for symbol in arguments.symbols.split(",")
            for start in range(arguments.start, arguments.end, arguments.page * step)
        ]
        symbols = arguments.symbols.split(",") if arguments.funding else []
        found, funded = await asyncio.gather(
            asyncio.gather(*(candles(*page) for page in pages)),
            asyncio.gather(*(funding(symbol) for symbol in symbols)),
        )
    store = duckdb.connect(str(arguments.target))
    rows = [(symbol, row) for (symbol, _), page in zip(pages, found, strict=True) for row in page]
    candles_table = pa.table(
        {
            "symbol": [symbol for symbol, _ in rows],
            "timestamp": [row[0] for _, row in rows],
            **{
                name: pa.array([row[at] for _, row in rows]).cast(pa.float64())
                for at, name in enumerate(("open", "high", "low", "close", "volume"), 1)
            },
            "quote_volume": pa.array([row[7] for _, row in rows]).cast(pa.float64()),
            "num_trades": [row[8] for _, row in rows],
            "taker_buy_volume": pa.array([row[9] for _, row in rows]).cast(pa.float64()),
            "taker_buy_quote_volume": pa.array([row[10] for _, row in rows]).cast(pa.float64()),
        }
    )
    store.register("incoming", candles_table)
    store.execute("create table ohlcv as select * from incoming")
    if symbols:
        settled = [row for page in funded for row in page]
        store.register(
            "settled",
            pa.table(
                {
                    "symbol": [row["symbol"] for row in settled],
                    "timestamp": [row["fundingTime"] for row in settled],
                    "rate": [float(row["fundingRate"]) for row in settled],
                }
            ),
        )
        store.execute("create table funding as select * from settled")
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--interval", default="1h")
    parser.add_argument("--start", type=int, required=True)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--page", type=int, default=1500)
    parser.add_argument("--funding", action="store_true")
    parser.add_argument("--target", type=Path, required=True)
    asyncio.run(download(parser.parse_args()))


if __name__ == "__main__":
    main()
