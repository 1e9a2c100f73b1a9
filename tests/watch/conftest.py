"""Helpers are imported by name: `from watch_support import seen`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab_support import CALM, VENUES, Lab, settings_for
from watch_support import ONE_VENUE, with_days

from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse


@pytest.fixture(scope="session")
def filled(
    running_exchange: RunningSimulator, empty_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An installation with some days in it: bringing them takes seconds, copying them none."""
    running_exchange.control(clock=None, limits=None, faults=None, latency_ms=0)
    running_exchange.control(**CALM)
    folder = tmp_path_factory.mktemp("filled")
    shutil.copytree(empty_lake, folder / "warehouse")
    with DuckLakeWarehouse(folder / "warehouse", venues=VENUES) as lake:
        with_days(Lab(running_exchange, lake, folder, settings_for(running_exchange)))
    return folder


@pytest.fixture
def days(filled: Path, exchange: RunningSimulator, tmp_path: Path) -> Iterator[Lab]:
    """A lab with candles, funding and instruments of one venue up to the hour that NOW is in."""
    folder = shutil.copytree(filled, tmp_path / "days")
    with DuckLakeWarehouse(folder / "warehouse", venues=VENUES) as lake:
        yield Lab(exchange, lake, folder, settings_for(exchange)).with_settings(**ONE_VENUE)
