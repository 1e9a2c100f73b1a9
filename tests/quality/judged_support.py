"""Three days of one simulated venue with marts, to be judged whole or with something broken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from lab_support import window
from marts_support import MartsLab

from market_assets.settings import Settings
from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse

END = date(2026, 3, 10)
DAYS = 3
WINDOW = window("2026-03-07", "2026-03-10")
SYMBOLS = ("BTCUSDT", "ETHUSDT")
VENUES = {
    "binance": {"start": "2026-03-07", "symbols": list(SYMBOLS)},
    "okx": {"enabled": False},
    "aster": {"enabled": False},
}
MARTS = [
    *("ohlcv", "funding_rates", "instruments", "daily_ohlcv", "hourly_stats"),
    *("consolidated_ohlcv", "features_daily", "risk_daily", "ops_completeness"),
]


def fill(lab: MartsLab) -> None:
    lab.calm()
    for dataset in ("instruments", "ohlcv", "funding_rates"):
        lab.ingest("binance", dataset, SYMBOLS, WINDOW)


def copied(settings: Settings, folder: Path) -> Settings:
    """The same warehouse in another folder, to break something in."""
    path = folder / "warehouse"
    shutil.copytree(settings.warehouse.path, path)
    shutil.copytree(settings.state_dir / "dbt", folder / "state" / "dbt")
    return settings.model_copy(
        update={
            "warehouse": settings.warehouse.model_copy(update={"path": path}),
            "state_dir": folder / "state",
        }
    )


@contextmanager
def opened(settings: Settings) -> Iterator[DuckLakeWarehouse]:
    with DuckLakeWarehouse(settings.warehouse.path, venues=tuple(settings.venues)) as store:
        yield store


def write(settings: Settings, *statements: str) -> None:
    """Any SQL that writes; what no user can do, to set a scene."""
    from market_assets.warehouse.connection import connect
    from market_assets.warehouse.layout import Layout

    connection = connect(Layout(settings.warehouse.path))
    try:
        for sql in statements:
            connection.execute(sql)
    finally:
        connection.close()


def lab_in(folder: Path, exchange: RunningSimulator) -> MartsLab:
    return MartsLab(folder, exchange, venues=VENUES)
