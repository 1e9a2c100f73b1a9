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

from market_assets.marts.project import Project
from market_assets.settings import Settings

VENUE = {"start": "2026-02-01", "symbols": list(SYMBOLS)}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def parsed_marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's parsed project: it takes ten seconds, and is the same for every test."""
    state = tmp_path_factory.mktemp("parsed")
    project = Project(Settings.model_validate({"state_dir": state}))
    project.prepare()
    return project.target


@pytest.fixture
def platform(lab: Lab, instance: dg.DagsterInstance, parsed_marts: Path) -> Platform:
    """Definitions as an installation has them, with two symbols and a start in February."""
    shutil.copytree(parsed_marts, Project(lab.settings).target)
    return Platform(
        lab.with_settings(venues=dict.fromkeys(("binance", "okx", "aster"), VENUE)), instance
    )
