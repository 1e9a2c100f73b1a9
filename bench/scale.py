"""The embedded warehouse at 500 symbols x 3 venues x 1 year of hours: 13.1 million candles.

One month of one venue goes through the whole engine, against simulated exchanges; the rest is
committed as a backfill's runs commit it, in batches made here: fetching 13.1 million rows from
exchanges on the same two cores would measure those. A second process reads all the while.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from bench._scale_reader import reader
from bench._scale_store import batches, made, names, settings_in
from bench._timing import Took, median, timed
from bench.measure import ROOT, table
from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.marts.build import build
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, floor_to, to_datetime, to_ms
from market_assets.simulator.process import RunningSimulator, running_simulator
from market_assets.venues.registry import VENUES
from market_assets.warehouse.ducklake import DuckLakeWarehouse

RUN_DAYS = 31  # a backfill's run, at most
HOURS_COMMITTED = 24
COMMAND = "from market_assets.cli import main; main()"


class Bench:
    """One store that grows, and what each step of it took."""

    def __init__(self, folder: Path, symbols: int, days: int, exchange: RunningSimulator) -> None:
        self.symbols = names(symbols)
        end = floor_to(to_ms(datetime.now(UTC)), DAY_MS) - DAY_MS
        self.year = Window(end - days * DAY_MS, end)
        self.settings = settings_in(folder, self.symbols, self.year, exchange)
        self.lake = DuckLakeWarehouse(self.settings.warehouse.path, venues=tuple(VENUES))
        self.rows: list[tuple[object, ...]] = []

    def note(self, what: str, took: Took, more: str = "") -> None:
        self.rows.append((what, f"{took.wall:,.2f}", f"{took.cpu:,.2f}", more))
        print(f"  {what}: {took.wall:,.2f} s, CPU {took.cpu:,.2f} s  {more}", flush=True)

    def took(self, what: str, work: Callable[[], Any], times: int = 1) -> None:
        each = []
        for _ in range(times):
            with timed() as took:
                found = work()
            each.append(took)
        rows = f"{found.num_rows:,} rows" if isinstance(found, pa.Table) else ""
        self.note(what, median(each), rows)

    # -- filling

    def through_the_engine(self) -> None:
        """The last month of the first venue, page by page, judged and stored."""
        last = Window(max(self.year.start, self.year.end - RUN_DAYS * DAY_MS), self.year.end)
        job = Job("binance", "ohlcv", tuple(self.symbols), last, "1h")
        with timed() as took:
            found = ingest(job, self.settings, self.lake)
        found.raise_if_incomplete()
        each = f"{found.inserted:,} candles, {found.inserted / took.wall:,.0f} a second"
        self.note("one run of a month through the engine, exchange beside it", took, each)

    def the_rest(self) -> None:
        """All other months of all venues, in the chunks of the ingest's own plan."""
        commits: list[Took] = []
        rows = 0
        with reader(self.settings, self.symbols[0], self.year) as latencies:
            for start in range(self.year.start, self.year.end, RUN_DAYS * DAY_MS):
                run = Window(start, min(self.year.end, start + RUN_DAYS * DAY_MS))
                for venue in VENUES:
                    for batch in batches(self.lake, venue, self.symbols, run, self.settings):
                        with timed() as took:
                            rows += self.lake.commit(batch).inserted
                        commits.append(took)
        whole = Took(sum(one.wall for one in commits), sum(one.cpu for one in commits))
        each = f"{rows:,} candles in {len(commits)} commits, {rows / whole.wall:,.0f} a second"
        self.note("the other months, committed", whole, each)
        quarter = max(1, len(commits) // 4)
        early, late = median(commits[:quarter]), median(commits[-quarter:])
        self.note("a commit, median of the first quarter", early)
        more = f"{late.cpu / early.cpu:.2f} times the CPU"
        self.note("a commit, median of the last quarter", late, more)
        if latencies:
            self.note("a read beside the writer, median", median(latencies))
            high = sorted(latencies)[int(len(latencies) * 0.95)]
            self.note("a read beside the writer, p95", high, f"{len(latencies)} reads")

    def hours(self) -> None:
        """A day hour by hour, as it comes in by itself."""
        commits: list[Took] = []
        for hour in range(HOURS_COMMITTED):
            start = self.year.end + hour * HOUR_MS
            for venue in VENUES:
                batch = made(venue, self.symbols, Window(start, start + HOUR_MS))
                with timed() as took:
                    self.lake.commit(batch)
                commits.append(took)
        self.note(f"a commit of one hour ({len(self.symbols)} rows)", median(commits))

    # -- using

    def reads(self, when: str) -> None:
        one, lake, year = self.symbols[1], self.lake, self.year
        day = Window(year.end - DAY_MS, year.end)
        self.took(
            f"{when}: a symbol's last 1,000 hours",
            lambda: lake.read(
                "okx",
                OHLCV,
                interval="1h",
                symbols=[one],
                window=Window(year.end - 1000 * HOUR_MS, year.end),
            ),
            5,
        )
        self.took(
            f"{when}: a symbol's year",
            lambda: lake.read("okx", OHLCV, interval="1h", symbols=[one], window=year),
            3,
        )
        self.took(
            f"{when}: a day of all symbols",
            lambda: lake.read("okx", OHLCV, interval="1h", window=day),
            3,
        )
        self.took(
            f"{when}: what is complete of all symbols of a venue",
            lambda: lake.covered("okx", OHLCV, "1h", self.symbols, year),
            3,
        )
        self.took(
            f"{when}: rows by day of everything",
            lambda: lake.query(
                "SELECT date_trunc('day', timestamp) AS day, count(*), avg(close)"
                " FROM raw.okx_ohlcv GROUP BY ALL"
            ),
        )
        self.command(f"{when}: `market-assets status`", "status")

    def command(self, what: str, *arguments: str) -> None:
        """A command as a person runs it, its start included."""
        given = [*arguments, "--config", str(self.settings.file)]
        program = [sys.executable, "-c", COMMAND, *given]
        with timed() as took:
            subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        self.note(what, took)

    def marts(self) -> None:
        day = to_datetime(self.year.end).date() - timedelta(days=1)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        with timed() as took:
            build(self.settings, first=day, last=day, tests=False)
        peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        self.note("all marts of one day", took, f"peak {peak / 1024:,.0f} MB")

    def compact(self) -> None:
        with timed() as took:
            done = self.lake.maintain(grace_seconds=0)
        files = f"{done.files_before:,} files -> {done.files_after:,}"
        size = f"{done.bytes_before / 2**20:,.0f} MiB -> {done.bytes_after / 2**20:,.0f}"
        self.note("compaction", took, f"{files}, {size}")

    def sizes(self) -> None:
        path = self.settings.warehouse.path
        files = [file for file in (path / "data").rglob("*") if file.is_file()]
        data = sum(file.stat().st_size for file in files)
        catalog = (path / "catalog.sqlite").stat().st_size
        [count] = self.lake.query(
            "SELECT " + " + ".join(f"(SELECT count(*) FROM raw.{v}_ohlcv)" for v in VENUES) + " n"
        ).to_pylist()
        memory = psutil.Process().memory_info().rss / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        each = data / max(1, count["n"])
        print(
            f"  {count['n']:,} candles; {len(files):,} files, {data / 2**20:,.0f} MiB"
            f" ({each:.0f} bytes a candle); catalog {catalog / 2**20:.1f} MiB;"
            f" this process {memory:,.0f} MB, at its peak {peak:,.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--no-marts", action="store_true")
    parser.add_argument("--folder", type=Path, help="Where; it is left there (default: temporary)")
    given, _ = parser.parse_known_args()
    instruments = [
        {"symbol": symbol, "price": 1.0 + number}
        for number, symbol in enumerate(names(given.symbols))
    ]
    config = {
        "limits": {"enforce": False},
        "instruments": instruments,
        "symbols": names(given.symbols),
    }
    with tempfile.TemporaryDirectory() as temporary, running_simulator(config) as exchange:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder, given.symbols, given.days, exchange)
        print(f"{given.symbols} symbols x {len(VENUES)} venues x {given.days} days of hours")
        with bench.lake:
            bench.through_the_engine()
            bench.the_rest()
            bench.sizes()
            bench.reads("a year")
            bench.hours()
            bench.reads("after 72 hourly commits")
            bench.compact()
            bench.sizes()
            bench.reads("compacted")
            if not given.no_marts:
                bench.marts()
        table("The embedded warehouse at scale", ("what", "seconds", "CPU", ""), bench.rows)


if __name__ == "__main__":
    main()
