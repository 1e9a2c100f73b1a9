"""What an hour costs: CPU of the idle stack, CPU of an hourly run, and the bare engine's share."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.schemas.timeline import HOUR_MS, Window, to_ms
from market_assets.settings import Settings, load_settings
from market_assets.stack import ports
from market_assets.stack.dagster_api import AssetKey
from market_assets.stack.layout import Layout
from market_assets.stack.platform_file import write_demo
from market_assets.stack.processes import marked
from market_assets.stack.stack import Plan, Stack
from market_assets.warehouse.ducklake import DuckLakeWarehouse

SETTLE_SECONDS = 45
IDLE_SECONDS = 60
HOURS = 4
VENUE = "binance"
ASSETS: tuple[AssetKey, ...] = (("raw", f"{VENUE}_ohlcv"), ("raw", f"{VENUE}_funding_rates"))
_WAIT_SECONDS = 300


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="market-bench-") as folder:
        layout = Layout(Path(folder).resolve() / "state")
        simulator = write_demo(
            load_settings(environ={}), layout, *(ports.free_port() for _ in range(3))
        )
        settings = load_settings(layout.platform, environ={})
        with Stack(Plan(layout, 0, simulator=simulator)) as stack:
            stack.start()
            stack.start_daemon()
            time.sleep(SETTLE_SECONDS)
            idle = _idle(stack)
            bare = _bare(settings)
            per_run = _per_run(stack, idle)
    venues = len(settings.enabled_venues)
    hour = 60 * idle + venues * per_run
    print(f"{'idle stack':42} {idle:8.2f} CPU s a minute")
    print(f"{'one hourly run (two assets of a venue)':42} {per_run:8.2f} CPU s")
    print(f"{'the same by the bare engine, in process':42} {bare:8.2f} CPU s")
    print(f"{'Dagster on top of the engine':42} {per_run - bare:8.2f} CPU s a run")
    print(f"{'an hour: idle, and a run for each venue':42} {hour:8.1f} CPU s", end="")
    print(f" = {100 * hour / 3600:.1f} % of a core")


def _cpu(stack: Stack) -> float:
    """CPU seconds of all living processes, and of the dead ones that they have reaped."""
    total = 0.0
    for process in marked(stack.mark):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _idle(stack: Stack) -> float:
    before, begun = _cpu(stack), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (_cpu(stack) - before) * 60 / (time.monotonic() - begun)


def _per_run(stack: Stack, idle_per_minute: float) -> float:
    """One after the other, as hours come; the idle stack's own share is taken off."""
    keys = stack.api.partitions(ASSETS[0]).keys
    before, begun = _cpu(stack), time.monotonic()
    for key in keys[:HOURS]:
        run = stack.api.launch_run(ASSETS, key)
        _wait(stack, run)
    # A worker's CPU is counted once its parent has reaped it.
    time.sleep(3)
    seconds = time.monotonic() - begun
    return (_cpu(stack) - before - idle_per_minute * seconds / 60) / HOURS


def _wait(stack: Stack, run: str) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        (found,) = stack.api.runs(runIds=[run])
        if found["status"] in {"SUCCESS", "FAILURE", "CANCELED"}:
            if found["status"] != "SUCCESS":
                raise RuntimeError(f"run {run} ended as {found['status']}")
            return
        time.sleep(0.5)
    raise TimeoutError(f"run {run} has not ended")


def _bare(settings: Settings) -> float:
    """What the engine itself takes for an hour; the first call, with its imports, is left out."""
    end = to_ms(datetime.now(UTC).replace(minute=0, second=0, microsecond=0)) - 48 * HOUR_MS
    symbols = tuple(settings.venues[VENUE].symbols)
    found = []
    with DuckLakeWarehouse(settings.warehouse.path, venues=tuple(settings.venues)) as store:
        for hour in range(3):
            window = Window(end + hour * HOUR_MS, end + (hour + 1) * HOUR_MS)
            before = os.times()
            ingest(Job(VENUE, "ohlcv", symbols, window, "1h"), settings, store)
            ingest(Job(VENUE, "funding_rates", symbols, window), settings, store)
            after = os.times()
            found.append(after.user - before.user + after.system - before.system)
    return min(found[1:])


if __name__ == "__main__":
    main()
