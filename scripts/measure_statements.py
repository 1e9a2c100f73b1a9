"""Write scripts/measured_statements.json: every statement of an hour and a night of the platform.

Run it as `python scripts/measure_statements.py` when marts or what the platform asks have changed;
it takes some minutes. Simulated exchanges are collected for a few weeks, then one more hour is
collected, checked, built and watched, and what that left in ops.query_costs' spool is kept: the
cost table (generate_cost_table.py) prices these statements for other numbers of symbols.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.marts.build import build
from market_assets.quality.expectations.judging import days_before, judge
from market_assets.quality.raw_checks import RawJudge, window_to_judge
from market_assets.quality.repair import look as look_for_repairs
from market_assets.quality.report.gathering import gather
from market_assets.schemas.datasets import DATASETS
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, Window, to_ms
from market_assets.settings import Settings, load_secrets, load_settings
from market_assets.simulator.process import RunningSimulator, running_simulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.estimate import Statement
from market_assets.warehouse.metering import charged_to
from market_assets.warehouse.spool import Spool
from market_assets.watch.looking import Watch

TARGET = Path(__file__).with_name("measured_statements.json")
VENUES = ("binance", "okx", "aster")
SYMBOLS = ("BTCUSDT", "ETHUSDT")
# The look-back of most marts is full by then.
DAYS = 45
NOW = datetime(2026, 3, 10, 12, 34, 56, tzinfo=UTC)
_EPOCH = date(1970, 1, 1)


def main() -> None:
    clock = {"mode": "frozen", "now": NOW.isoformat()}
    with (
        running_simulator({"clock": clock, "limits": {"enforce": False}}) as exchange,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = settings_in(Path(folder), exchange)
        TARGET.write_text(json.dumps(measured(settings), indent=1) + "\n", encoding="utf-8")


def settings_in(folder: Path, exchange: RunningSimulator) -> Settings:
    venue = {"start": str(NOW.date() - timedelta(days=DAYS)), "symbols": list(SYMBOLS)}
    # Two views count their days from now, and everything else here stands at NOW.
    ago = (datetime.now(UTC).date() - NOW.date()).days
    told = {
        "marts": {"latest_days": 7 + ago, "completeness_days": 90 + ago},
        "warehouse": {"path": str(folder / "warehouse")},
        "state_dir": str(folder / "state"),
        "venues": {name: {"base_url": exchange.base_url(name), **venue} for name in VENUES},
    }
    file = folder / "platform.yaml"
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    return load_settings(file, environ={})


def measured(settings: Settings) -> dict[str, Any]:
    hour = to_ms(NOW) // HOUR_MS * HOUR_MS
    before = Window(to_ms(NOW.date() - timedelta(days=DAYS)), hour - HOUR_MS)
    last = Window(before.end, hour)
    day = NOW.date()
    with DuckLakeWarehouse(settings.warehouse.path, venues=VENUES) as store:
        for venue in VENUES:
            for dataset in ("instruments", "ohlcv", "funding_rates"):
                collect(settings, store, venue, dataset, before)
        # One of long ago: else the engine knows that no request is older than it is asked for, and
        # tells of no bound.
        store.record_requests([request_of(NOW - timedelta(days=400))])
        build(settings, tests=False)
        spool = Spool(settings.warehouse.path)
        stages: dict[str, Callable[[], object]] = {
            "candles": lambda: hourly(settings, store, "ohlcv", last),
            "funding": lambda: hourly(settings, store, "funding_rates", last),
            "instruments": lambda: hourly(settings, store, "instruments", last),
            "build": lambda: build(settings, first=day, last=day),
            "look": lambda: watched(settings, store),
            "night": lambda: nightly(settings, store, day),
        }
        found = {}
        for name, stage in stages.items():
            spool.file.unlink(missing_ok=True)
            stage()
            found[name] = [told(noted.statement, day) for noted in spool.waiting()]
        return {"stages": found, "tables": sizes(store)}


def collect(
    settings: Settings, store: DuckLakeWarehouse, venue: str, dataset: str, window: Window
) -> None:
    interval = "1h" if dataset == "ohlcv" else ""
    ingest(Job(venue, dataset, SYMBOLS, window, interval), settings, store)


def request_of(moment: datetime) -> RequestRecord:
    return RequestRecord(moment, "binance", "klines", SYMBOLS[0], 200, "ok", 1.0, 1, 1, 1, "")


def hourly(settings: Settings, store: DuckLakeWarehouse, dataset: str, window: Window) -> None:
    """One venue's hour as its asset does it: collected, then checked."""
    venue = "binance"
    with charged_to(asset=f"raw.{venue}_{dataset}"):
        collect(settings, store, venue, dataset, window)
        judged = window_to_judge(window, settings, venue)
        with charged_to(label="check"):
            judge_ = RawJudge(store, settings, venue, DATASETS[dataset], judged, to_ms(NOW))
            store.record_checks([verdict.as_result("measured") for verdict in judge_.verdicts()])


def watched(settings: Settings, store: DuckLakeWarehouse) -> None:
    """What sensors ask when something was written: what to build, to repair, and how it is."""
    now = datetime.now(UTC)
    since = now - timedelta(days=90)
    with charged_to(label="watch"):
        store.changes(since)
        store.builds(since)
        store.check_results(since)
        look_for_repairs(settings, store, now)
        watch = Watch(settings, load_secrets(environ={}))
        try:
            watch.look(now)
        finally:
            watch.close()


def nightly(settings: Settings, store: DuckLakeWarehouse, day: date) -> None:
    with charged_to(label="check"):
        for _ in judge(settings, store, days_before(day, 7), run_id="measured"):
            pass
    with charged_to(label="report"):
        gather(settings, store, day - timedelta(days=1))


def told(statement: Statement, day: date) -> dict[str, Any]:
    """With days told from today, and staged bytes for one symbol."""
    origin = (day - _EPOCH).days
    today = (datetime.now(UTC).date() - _EPOCH).days

    def since(table: str, number: int | None) -> int | None:
        # Data are of the exchanges' day, logs of ours.
        return None if number is None else number - (today if table.startswith("ops.") else origin)

    return {
        "label": statement.label,
        "asset": statement.asset,
        "staged_per_symbol": [size / len(SYMBOLS) for size in statement.staged],
        "scans": [
            [
                scan.table,
                scan.columns,
                since(scan.table, scan.first_day),
                since(scan.table, scan.last_day),
                scan.rewrites,
            ]
            for scan in statement.scans
        ],
    }


def sizes(store: DuckLakeWarehouse) -> dict[str, Any]:
    """Bytes of each table's values, and its rows for a symbol: by day, or at all."""
    return {
        table: {
            "widths": dict(facts.widths),
            "rows_a_day": round(sum(span.rows for span in facts.spans) / DAYS / len(SYMBOLS), 3),
            "rows": round(facts.undated_rows / len(SYMBOLS), 3),
        }
        for table, facts in sorted(store.table_facts().items())
    }


if __name__ == "__main__":
    main()
