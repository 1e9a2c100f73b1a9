"""What a whole look of the watch costs: 500 symbols on 3 venues, three days of hours in a real
warehouse (aim: 2 s, flat memory). It observes, judges, tells, leaves its snapshot: no Dagster."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pyarrow as pa

from bench.measure import table
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window, floor_to, to_ms
from market_assets.settings import Secrets, Settings, load_settings
from market_assets.warehouse.contract import Batch, SeriesOutcome
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.watch.looking import Watch
from market_assets.watch.memory import Memory, write_memory

VENUES = ("binance", "okx", "aster")
SYMBOLS = [f"S{number}USDT" for number in range(500)]
HOURS = 72


def installation(folder: Path) -> Settings:
    start = (datetime.now(UTC) - timedelta(days=4)).date().isoformat()
    document = {
        "state_dir": str(folder / "state"),
        "warehouse": {"path": str(folder / "warehouse")},
        "venues": {venue: {"symbols": SYMBOLS, "start": start} for venue in VENUES},
    }
    import yaml

    file = folder / "platform.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_settings(file, {})


def candles(venue: str, within: Window) -> pa.Table:
    """Every hour of every symbol."""
    hours = range(within.start, within.end, HOUR_MS)
    count = len(hours) * len(SYMBOLS)
    values: dict[str, object] = {
        "timestamp": pa.array([hour for _ in SYMBOLS for hour in hours], pa.int64()),
        "symbol": pa.array([symbol for symbol in SYMBOLS for _ in hours]),
        "venue": pa.array([venue] * count),
        "interval": pa.array(["1h"] * count),
        "ingestion_time": pa.array([within.end] * count, pa.int64()),
        "source": pa.array(["rest"] * count),
        "is_backfill": pa.array([False] * count),
        "run_id": pa.array(["bench"] * count),
        "num_trades": pa.array([7] * count, pa.int64()),
    }
    schema = OHLCV.arrow_schema()
    columns = []
    for field in schema:
        given = values.get(field.name)
        found = given if given is not None else pa.array([1.0] * count)
        if pa.types.is_timestamp(field.type):
            found = found.cast(pa.timestamp("ms", "UTC"))  # type: ignore[attr-defined]
        columns.append(found.cast(field.type))  # type: ignore[attr-defined]
    return pa.table(columns, schema=schema)


def commit(lake: DuckLakeWarehouse, venue: str, within: Window) -> None:
    outcomes = [SeriesOutcome(symbol, within, complete=(within,)) for symbol in SYMBOLS]
    lake.commit(Batch(venue, OHLCV, "1h", "bench", candles(venue, within), series=outcomes))


def looks(settings: Settings, count: int) -> Iterator[tuple[str, float, float, float]]:
    """What each look took: its kind, wall seconds, CPU seconds, and the memory after it."""
    process = psutil.Process(os.getpid())
    now = datetime.now(UTC)
    end = floor_to(to_ms(now), HOUR_MS)
    with DuckLakeWarehouse(settings.warehouse.path, venues=VENUES) as lake:
        for venue in VENUES:
            commit(lake, venue, Window(end - HOURS * HOUR_MS, end - HOUR_MS))
        write_memory(settings.state_dir, Memory(now - timedelta(days=3)))
        watch = Watch(settings, Secrets({}))
        for number in range(count):
            kind = "the first" if number == 0 else "nothing has changed"
            if number and number % 4 == 0:
                # The newest hour comes in, venue by venue.
                commit(lake, VENUES[number // 4 % 3], Window(end - HOUR_MS, end))
                kind = "after a commit"
            wall, cpu = time.perf_counter(), time.process_time()
            watch.look(now + timedelta(seconds=60 * number))
            yield (
                kind,
                time.perf_counter() - wall,
                time.process_time() - cpu,
                process.memory_info().rss / 2**20,
            )
        watch.close()


def main(count: int = 17) -> None:
    with tempfile.TemporaryDirectory() as folder:
        measured = list(looks(installation(Path(folder)), count))
    rows = []
    for kind in ("the first", "nothing has changed", "after a commit"):
        of_kind = [one for one in measured if one[0] == kind]
        wall, cpu = ([one[place] for one in of_kind] for place in (1, 2))
        middle = statistics.median
        rows.append(
            (kind, len(of_kind), f"{middle(wall):.2f}", f"{max(wall):.2f}", f"{middle(cpu):.2f}")
        )
    table(
        "A look over 500 symbols x 3 venues (aim: 2 s)",
        ("look", "looks", "wall s", "longest", "CPU s"),
        rows,
    )
    early, late = measured[4][3], measured[-1][3]
    table(
        "Memory (aim: flat)",
        ("after look", "MB", "times the first"),
        [(5, f"{early:.0f}", "1.00"), (len(measured), f"{late:.0f}", f"{late / early:.2f}")],
    )


if __name__ == "__main__":
    main()
