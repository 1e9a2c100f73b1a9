"""Runs from the bulk archives of two simulated venues."""

from __future__ import annotations

from typing import Any

import pytest
from lab_support import Lab, window

from market_assets.ingest.archive import ingest_archive
from market_assets.ingest.job import Job, Summary
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import Window

ARCHIVED = pytest.mark.parametrize("venue", ["binance", "aster"])
TWO = ("BTCUSDT", "ETHUSDT")
# A whole month and some days of the next.
SPAN = window("2026-01-01", "2026-02-04")
WEEK = window("2026-02-02", "2026-02-09")


def with_archives(lab: Lab) -> Lab:
    archives = {
        venue: {"archive_url": f"{lab.exchange.base_url(venue)}/archive"}
        for venue in ("binance", "aster")
    }
    return lab.with_settings(venues=archives)


def a_job(
    venue: str,
    symbols: Any,
    within: Window,
    interval: str = "1h",
    *,
    dataset: str = "ohlcv",
    refresh: bool = False,
    run_id: str = "",
) -> Job:
    symbols = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    return Job(
        venue, dataset, symbols, within, interval if dataset == "ohlcv" else "", refresh, run_id
    )


def archive(lab: Lab, *job: Any, **more: Any) -> Summary:
    return ingest_archive(a_job(*job, **more), lab.settings, lab.lake)


def settlements(lab: Lab, venue: str, symbols: Any, within: Window, **more: Any) -> Summary:
    return archive(lab, venue, symbols, within, dataset="funding_rates", **more)


def lost_then_found(lab: Lab, venue: str, symbol: str, within: Window) -> None:
    """Once the API loses nothing, the truth of the market is all that was traded."""
    lab.exchange.control(faults={"lost_rate": 0.0})
    lab.assert_truth(venue, symbol, within)


def revisions(lab: Lab) -> list[dict[str, Any]]:
    return lab.lake.ask("select * from ops.revisions order by timestamp").to_pylist()


def sources(lab: Lab, venue: str = "binance") -> dict[str, int]:
    rows = lab.lake.read(venue, OHLCV).to_pylist()
    told = [row["source"] for row in rows]
    return {name: told.count(name) for name in sorted(set(told))}
