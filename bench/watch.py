"""What judging one look costs: 500 symbols on 3 venues, candles and funding, two days of
completeness (aim: 100 ms; flat memory, and no slower when everything is wrong)."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

from bench.measure import table
from market_assets.health import Observed, Policy, evaluate, remembered
from market_assets.health.observed import (
    CheckState,
    DayCompleteness,
    PreviousLook,
    Series,
    Ticker,
    VenueAnswers,
)

NOW = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
VENUES = ("binance", "okx", "aster")
DATASETS = (("ohlcv", "1h", HOUR), ("funding_rates", "", 8 * HOUR))
CHECKS = 18


def platform(symbols: int, age: timedelta) -> Observed:
    """Every series so old, on venues that answer."""
    names = [f"S{number}USDT" for number in range(symbols)]
    series = tuple(
        Series(
            venue,
            dataset,
            interval,
            name,
            due,
            newest_data_at=NOW - age,
            newest_ingestion_at=NOW - age,
            listed_at=NOW - 400 * DAY,
            collect_from=NOW - 300 * DAY,
        )
        for venue in VENUES
        for dataset, interval, due in DATASETS
        for name in names
    )
    days = tuple(
        DayCompleteness(one.venue, one.dataset, one.interval, one.symbol, day, 24, 24)
        for one in series
        for day in (NOW.date(), (NOW - DAY).date())
    )
    checks = tuple(
        CheckState(f"raw.{venue}_{dataset}", f"check {number}", "error", True, NOW)
        for venue in VENUES
        for dataset, _, _ in DATASETS
        for number in range(CHECKS)
    )
    return Observed(
        series=series,
        answers=tuple(VenueAnswers(venue, 1000, last_ok_at=NOW) for venue in VENUES),
        gates=(),
        completeness=days,
        checks=checks,
        failed_runs=(),
        backfills=(),
        tickers=tuple(Ticker("sensor", str(n), last_tick_at=NOW) for n in range(20)),
        horizons=(),
        instrument_changes=(),
        began_at=NOW - 300 * DAY,
    )


def look(observed: Observed, failing: PreviousLook) -> PreviousLook:
    verdicts = evaluate(observed, Policy(), NOW)
    return PreviousLook(NOW, MINUTE, remembered(verdicts, failing.failing))


def milliseconds(observed: Observed, looks: int) -> float:
    """The median of some looks in CPU time, after one to warm up."""
    previous = look(observed, PreviousLook(NOW, MINUTE))
    times = []
    for _ in range(looks):
        started = time.process_time()
        previous = look(observed, previous)
        times.append((time.process_time() - started) * 1000)
    return statistics.median(times)


def held_kib(observed: Observed, looks: int) -> float:
    """What repeated looks keep: the memory after the last less that after the first."""
    previous = look(observed, PreviousLook(NOW, MINUTE))
    tracemalloc.start()
    previous = look(observed, previous)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(looks):
        previous = look(observed, previous)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / 1024


def main(looks: int = 15) -> None:
    small, whole = platform(50, 5 * MINUTE), platform(500, 5 * MINUTE)
    # Every symbol stale and nothing inhibited: the longest messages that there are.
    wrong = platform(500, 11 * HOUR)
    base = milliseconds(small, looks)
    rows = [("50 symbols x 3 venues, all fine", f"{base:.1f}", "1.0")]
    for name, observed in (
        ("500 symbols x 3 venues, all fine", whole),
        ("500 symbols x 3 venues, all stale", wrong),
    ):
        taken = milliseconds(observed, looks)
        rows.append((name, f"{taken:.1f}", f"{taken / base:.1f}"))
    table(
        "Judging one look (aim: 100 ms; ten times the symbols at most ten times the time)",
        ("what", "CPU ms", "times the first"),
        rows,
    )
    table(
        f"Memory that {looks} more looks keep (aim: none)",
        ("what", "KiB"),
        [("500 symbols x 3 venues", f"{held_kib(whole, looks):.0f}")],
    )


if __name__ == "__main__":
    main()
