"""Processes that start quickly, because what they import is imported already."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

# One server of forks serves all tests of a process, so that it knows what any of them needs.
_IMPORTED = (
    *("duckdb", "pyarrow", "pyarrow.dataset", "pyarrow.parquet", "httpx", "tenacity", "orjson"),
    *("market_assets.cli", "market_assets.ingest.run", "market_assets.warehouse.ducklake"),
)


def forking() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED])
    return context
