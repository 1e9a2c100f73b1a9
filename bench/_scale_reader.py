"""A process that reads while another one writes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from bench._timing import Took, timed
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.settings import Settings
from market_assets.warehouse.ducklake import DuckLakeWarehouse

READ_EVERY_SECONDS = 0.25


@contextmanager
def reader(settings: Settings, symbol: str, year: Window) -> Iterator[list[Took]]:
    """A process that reads one symbol again and again; what each read took, once it has ended."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    arguments = (theirs, settings.warehouse.path, symbol, year)
    process = spawn.Process(target=read_until_told, args=arguments)
    process.start()
    latencies: list[Took] = []
    try:
        yield latencies
        ours.send("stop")
        latencies += ours.recv()
    finally:
        process.join(30)
        process.kill()


def read_until_told(told: Connection, path: Path, symbol: str, year: Window) -> None:
    found: list[Took] = []
    last = Window(year.end - 1000 * HOUR_MS, year.end)
    with DuckLakeWarehouse(path, read_only=True) as lake:
        while not told.poll(READ_EVERY_SECONDS):
            with timed() as took:
                lake.read("binance", OHLCV, interval="1h", symbols=[symbol], window=last)
            found.append(took)
    # The first one also connected.
    told.send(found[1:])
