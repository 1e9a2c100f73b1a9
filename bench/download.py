"""Our ingest next to the bare script: a year of hours with funding, and 432,000 minutes."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from bench.measure import Cost, median, run, table
from market_assets.schemas.timeline import to_ms
from market_assets.simulator.process import RunningSimulator, running_simulator

SYMBOLS = "BTCUSDT,ETHUSDT,UNIUSDT,LINKUSDT,AAVEUSDT"
YEAR = ("--start", str(to_ms(datetime(2025, 1, 1))), "--end", str(to_ms(datetime(2026, 1, 1))))
SIXTY_DAYS = (
    "--start",
    str(to_ms(datetime(2026, 1, 1))),
    "--end",
    str(to_ms(datetime(2026, 3, 2))),
)
HEADER = ("what", "wall s", "cpu s", "peak MB", "wall x", "cpu x")


def _pair(
    sim: RunningSimulator, common: tuple[str, ...], page: int, runs: int, *, enforce: bool
) -> tuple[Cost, Cost]:
    """Bare and ours in turn, after one warm-up of each, so that drift hits both alike."""
    bare: list[Cost] = []
    ours: list[Cost] = []
    given = ("--base-url", sim.base_url("binance"), "--symbols", SYMBOLS, *common)
    for number in range(runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder)
            # Setting the limits forgets what was spent: no run pays for the one before it.
            sim.control(limits={"enforce": enforce})
            run("bench.ours", [*given, "--target", str(target), "--prepare"])
            theirs = run(
                "bench.bare", [*given, "--page", str(page), "--target", str(target / "bare.duckdb")]
            )
            sim.control(limits={"enforce": enforce})
            mine = run("bench.ours", [*given, "--target", str(target)])
        if number:
            bare.append(theirs)
            ours.append(mine)
    return median(bare), median(ours)


def _rows(bare: Cost, ours: Cost, page: int) -> list[tuple[object, ...]]:
    return [
        (
            f"bare script, {page}-row pages",
            f"{bare.wall:.2f}",
            f"{bare.cpu:.2f}",
            f"{bare.peak_mb:.0f}",
            "1.0",
            "1.0",
        ),
        (
            "market-assets ingest",
            f"{ours.wall:.2f}",
            f"{ours.cpu:.2f}",
            f"{ours.peak_mb:.0f}",
            f"{ours.wall / bare.wall:.2f}",
            f"{ours.cpu / bare.cpu:.2f}",
        ),
    ]


def main(runs: int = 3) -> None:
    for latency in (0, 50):
        config = {"latency_ms": latency, "limits": {"enforce": False}}
        with running_simulator(config) as sim:
            for page in (1500, 499):
                bare, ours = _pair(sim, (*YEAR, "--funding"), page, runs, enforce=False)
                table(
                    f"1 year x 5 symbols x 1h + funding, {latency} ms latency"
                    " (aim: wall <= 1.5, cpu <= 2, 250 MB at 50 ms)",
                    HEADER,
                    _rows(bare, ours, page),
                )
    with running_simulator({}) as sim:
        bare, ours = _pair(sim, (*SIXTY_DAYS, "--interval", "1m"), 499, runs, enforce=True)
        stats = sim.stats()["binance"]
        table(
            "432,000 one-minute candles, weight limit enforced (aim: wall <= 1.3, no 429)",
            HEADER,
            _rows(bare, ours, 499),
        )
        print(f"  answers by status: {stats['by_status']}")


if __name__ == "__main__":
    main()
