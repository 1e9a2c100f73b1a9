"""A warehouse with marts that tests fill, build, read, copy and cut."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml
from lab_support import CALM, NOW, VENUES, merged, settings_for, window

from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.marts.build import build
from market_assets.marts.project import Project
from market_assets.schemas.timeline import Window
from market_assets.settings import Settings, load_settings
from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ddl import dataset_of
from market_assets.warehouse.ducklake import DuckLakeWarehouse

WINTER = window("2025-10-25", "2026-03-10")
# Of the 136 days: longer than any other window (90), and 36 days have one that is full.
RISK_DAYS = 100
# A listing in mid-day, a delisting, 4 h funding, and a change from 8 h to 4 h.
SYMBOLS = {
    "binance": ("BTCUSDT", "ETHUSDT", "NEWUSDT", "OLDUSDT", "1000PEPEUSDT", "FASTUSDT"),
    "okx": ("BTCUSDT", "ETHUSDT", "NEWUSDT"),
    "aster": ("BTCUSDT", "ETHUSDT"),
}
MARKET: dict[str, Any] = {
    "no_trade_rate": 0.002,
    "lost_rate": 0.0005,
    "flat_rate": 0.002,
    "outages": [{"venue": "binance", "start": "2025-11-05T03:00Z", "end": "2025-11-05T08:00Z"}],
    "corrections": [
        {
            "venue": "binance",
            "symbol": "BTCUSDT",
            "hour": "2026-03-08T05:00:00Z",
            "at": "2026-03-10T14:00:00Z",
            "factor": 1.05,
        }
    ],
}


class MartsLab:
    """One warehouse, its settings in a file as dbt needs them, and the marts built from it."""

    def __init__(self, folder: Path, exchange: RunningSimulator, **changes: Any) -> None:
        self.folder = folder
        self.exchange = exchange
        self.file = folder / "platform.yaml"
        # The lab's clock stands in March 2026, that of latest_stats and ops_completeness is ours.
        marts = {"latest_days": 3650, "completeness_days": 3650, "risk_window_days": RISK_DAYS}
        told = merged({"marts": marts}, changes)
        self.file.write_text(yaml.safe_dump(settings_for(exchange, **told)))
        self.settings: Settings = load_settings(self.file, environ={})
        self.store = DuckLakeWarehouse(self.settings.warehouse.path, venues=VENUES)

    def close(self) -> None:
        self.store.close()

    def copy(self, folder: Path) -> MartsLab:
        """The same data and marts in another folder, with dbt's parsed project."""
        for name in ("warehouse", "state"):
            shutil.copytree(self.folder / name, folder / name)
        return MartsLab(folder, self.exchange)

    def take_parsed(self, shared: Path) -> None:
        """dbt's parsed project of labs with such settings, made once in a folder that all share."""
        copy_parsed(self.settings, shared)

    def calm(self) -> None:
        """Nothing is wrong with the venues."""
        self.exchange.control(clock=None, limits=None, faults=None, latency_ms=0)
        self.exchange.control(**CALM)

    # -- filling

    def ingest(
        self,
        venue: str,
        dataset: str,
        symbols: Sequence[str],
        within: Window = WINTER,
        *,
        refresh: bool = False,
    ) -> None:
        """Ingest; what stays missing is recorded, as in any run."""
        interval = "1h" if dataset == "ohlcv" else ""
        job = Job(venue, dataset, tuple(symbols), within, interval, refresh, "test")
        ingest(job, self.settings, self.store)

    def insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Put hand-made rows into `raw.<table>`; columns that are left out get a plain value."""
        dataset = dataset_of(table)
        assert dataset is not None
        blank = {"float": 0.0, "integer": 0, "string": "x", "boolean": False}
        filled = [
            {
                column.name: row.get(
                    column.name,
                    None
                    if column.nullable
                    else pd.Timestamp("2026-01-01")
                    if column.kind == "timestamp"
                    else blank[column.kind],
                )
                for column in dataset.columns
            }
            for row in rows
        ]
        self.write(
            f"INSERT INTO lake.raw.{table} BY NAME SELECT * FROM given", pd.DataFrame(filled)
        )

    def write(self, sql: str, given: pd.DataFrame | pa.Table | None = None) -> None:
        """Any SQL that writes, with `given` as a table; what no user can do, to set a scene."""
        from market_assets.warehouse.connection import connect
        from market_assets.warehouse.layout import Layout

        connection = connect(Layout(self.settings.warehouse.path))
        try:
            if given is not None:
                connection.register("given", given)
            connection.execute(sql)
        finally:
            connection.close()

    # -- building and reading

    def build(
        self,
        first: str | None = None,
        last: str | None = None,
        *,
        select: Sequence[str] = (),
        full_refresh: bool = False,
        tests: bool = False,
    ) -> None:
        """dbt over the days from `first` to `last`, both included, or over all."""
        build(
            self.settings,
            first=date.fromisoformat(first) if first else None,
            last=date.fromisoformat(last) if last else None,
            select=select,
            full_refresh=full_refresh,
            tests=tests,
        )

    def query(self, sql: str) -> pd.DataFrame:
        found: pd.DataFrame = self.store.query(sql).to_pandas()
        return found

    def raw(self, table: str) -> pd.DataFrame:
        """`raw("binance_ohlcv")`: as stored."""
        return self.query(f"select * from raw.{table}")

    def mart(self, name: str, where: str = "true") -> pd.DataFrame:
        return self.query(f"select * from marts.{name} where {where}")

    def candles(self) -> pd.DataFrame:
        """Every venue's raw hours in one frame, in order of venue, symbol and time."""
        frames = [self.raw(f"{venue}_ohlcv") for venue in VENUES]
        together = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
        hours = together[together["interval"] == "1h"]
        return hours.sort_values(["venue", "symbol", "timestamp"], ignore_index=True)

    def funding(self) -> pd.DataFrame:
        """Every venue's raw settlements in one frame."""
        frames = [self.raw(f"{venue}_funding_rates") for venue in VENUES]
        together = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
        return together.sort_values(["venue", "symbol", "timestamp"], ignore_index=True)


def copy_parsed(settings: Settings, shared: Path) -> None:
    """dbt's project as these settings have it: to parse it takes fifteen seconds of a core."""
    told = json.dumps([Project(settings).variables, settings.warehouse.engine], sort_keys=True)
    folder = shared / f"parsed-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    made = Project(settings.model_copy(update={"state_dir": folder}))
    made.prepare()  # it waits while another worker is at it
    shutil.copytree(made.target, Project(settings).target, dirs_exist_ok=True)


def fill_a_winter(lab: MartsLab) -> None:
    """Three venues with quiet and lost hours, flat runs, an outage, a listing, a delisting, both
    funding intervals, a change between them, and a correction that was found later."""
    lab.exchange.control(clock=None, limits=None, faults=None, latency_ms=0)
    lab.exchange.control(**CALM | {"faults": MARKET})
    for venue, symbols in SYMBOLS.items():
        lab.ingest(venue, "instruments", symbols)
        lab.ingest(venue, "ohlcv", symbols)
        lab.ingest(venue, "funding_rates", symbols)
    lab.exchange.control(clock={"mode": "frozen", "now": "2026-03-10T15:00:30Z"})
    lab.ingest("binance", "ohlcv", ["BTCUSDT"], window("2026-03-07", "2026-03-10"), refresh=True)
    lab.calm()


__all__ = [
    "MARKET",
    "NOW",
    "RISK_DAYS",
    "SYMBOLS",
    "VENUES",
    "WINTER",
    "MartsLab",
    "fill_a_winter",
    "window",
]
