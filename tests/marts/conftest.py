"""A year of three simulated venues with everything that goes wrong, and its marts, built once.

`year` is for reading. A test that changes something takes a copy: `year.copy(tmp_path)`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from marts_support import MartsLab, fill_a_year, shared_folder

from market_assets.simulator.process import RunningSimulator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these wait for dbt."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the parsed project is kept for all labs."""
    return shared_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def year(
    running_exchange: RunningSimulator, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MartsLab]:
    """March 2025 to March 2026: see `fill_a_year` for what is in it."""
    lab = MartsLab(tmp_path_factory.mktemp("year"), running_exchange)
    lab.take_parsed(shared)
    fill_a_year(lab)
    lab.build()
    yield lab
    lab.close()


@pytest.fixture
def small(running_exchange: RunningSimulator, shared: Path, tmp_path: Path) -> Iterator[MartsLab]:
    """An empty warehouse, to put hand-made rows into."""
    lab = MartsLab(tmp_path, running_exchange)
    lab.take_parsed(shared)
    yield lab
    lab.close()
