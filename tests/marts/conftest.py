"""A winter of three simulated venues with everything that goes wrong, and its marts, built once.

`winter` is for reading. A test that changes something takes a copy: `winter.copy(tmp_path)`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from late_days import LateDays, build_late_days
from made_by_hand import build_by_hand
from marts_support import MartsLab, fill_a_winter

from market_assets.simulator.process import RunningSimulator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these wait for dbt."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def winter(
    running_exchange: RunningSimulator,
    shared_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MartsLab]:
    """October 2025 to March 2026: see `fill_a_winter` for what is in it."""
    lab = MartsLab(tmp_path_factory.mktemp("winter"), running_exchange)
    lab.take_parsed(shared_folder)
    fill_a_winter(lab)
    lab.build()
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def late(winter: MartsLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LateDays]:
    """The winter with its last days built in runs of their own; for reading as well."""
    found = build_late_days(winter.copy(tmp_path_factory.mktemp("late")))
    yield found
    found.lab.close()


@pytest.fixture(scope="session")
def by_hand(
    running_exchange: RunningSimulator,
    shared_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MartsLab]:
    """Marts of rows that were made by hand; for reading too."""
    lab = MartsLab(tmp_path_factory.mktemp("by_hand"), running_exchange)
    lab.take_parsed(shared_folder)
    build_by_hand(lab)
    yield lab
    lab.close()


@pytest.fixture
def small(
    running_exchange: RunningSimulator, shared_folder: Path, tmp_path: Path
) -> Iterator[MartsLab]:
    """An empty warehouse, to put hand-made rows into."""
    lab = MartsLab(tmp_path, running_exchange)
    lab.take_parsed(shared_folder)
    yield lab
    lab.close()
