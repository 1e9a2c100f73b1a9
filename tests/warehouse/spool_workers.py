"""Processes that note statements, or store them, until they are killed."""

from __future__ import annotations

import itertools
from multiprocessing.connection import Connection
from pathlib import Path

from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.estimate import Statement
from market_assets.warehouse.spool import Spool


def note_until_killed(folder: Path, worker: int, out: Connection) -> None:
    """Tell of each statement after it was noted."""
    spool = Spool(folder)
    for number in itertools.count():
        name = f"{worker}-{number}"
        spool.append([Statement("test", asset=name)])
        out.send(name)


def settle_until_killed(folder: Path, out: Connection) -> None:
    with DuckLakeWarehouse(folder, venues=["binance"]) as warehouse:
        out.send("open")
        while True:
            warehouse.settle_costs()
