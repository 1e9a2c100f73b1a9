"""Three days of one simulated venue with its marts, built once: `judged`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Helpers are imported by name: `from judged_support import opened`. What the tests of the marts and
# of the warehouse work with serves here too.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "marts"))
sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))

from judged_support import MARTS, fill, lab_in
from marts_support import MartsLab

from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse


@pytest.fixture(scope="session")
def judged(
    running_exchange: RunningSimulator,
    shared_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MartsLab]:
    """For reading. A test that breaks something works on `judged_support.copied`."""
    lab = lab_in(tmp_path_factory.mktemp("judged"), running_exchange)
    lab.take_parsed(shared_folder)
    fill(lab)
    lab.build("2026-03-07", "2026-03-09", select=MARTS)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shared(
    empty_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckLakeWarehouse]:
    """One warehouse for the tests of a file, which empty it."""
    folder = shutil.copytree(empty_lake, tmp_path_factory.mktemp("quarantine") / "warehouse")
    with DuckLakeWarehouse(folder) as store:
        yield store
