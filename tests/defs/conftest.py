"""A platform for tests: real definitions over the lab's exchange and lake, and an instance."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

# Helpers are imported by name: `from platform_support import Platform`.
sys.path.insert(0, str(Path(__file__).parent))

from lab_support import Lab
from platform_support import SYMBOLS, Platform

from market_assets.defs.local_storage import LocalStorage
from market_assets.marts.project import Project

VENUE = {"start": "2026-02-01", "symbols": list(SYMBOLS)}


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a Dagster that has run nothing yet: making them takes 0.7 s of CPU."""
    home = tmp_path_factory.mktemp("new_home")
    with dg.DagsterInstance.local_temp(str(home)) as made:
        made.get_runs()
        made.get_asset_keys()
    return home


@pytest.fixture
def instance(new_home: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance whose records are in files, below `home`, in an installation's own storage."""
    home = shutil.copytree(new_home, tmp_path / "home")
    ours = {"module": LocalStorage.__module__, "class": LocalStorage.__name__}
    storage = {"custom": {**ours, "config": {"base_dir": str(home)}}}
    with dg.DagsterInstance.local_temp(str(home), overrides={"storage": storage}) as made:
        yield made


@pytest.fixture
def platform(lab: Lab, instance: dg.DagsterInstance, parsed_marts: Path) -> Platform:
    """Definitions as an installation has them, with two symbols and a start in February."""
    shutil.copytree(parsed_marts, Project(lab.settings).target)
    return Platform(
        lab.with_settings(venues=dict.fromkeys(("binance", "okx", "aster"), VENUE)), instance
    )
