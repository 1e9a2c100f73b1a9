"""A platform for tests: real definitions over the lab's exchange and lake, and an instance."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

# Helpers are imported by name: `from platform_support import Platform`.
sys.path.insert(0, str(Path(__file__).parent))

from lab_support import Lab
from platform_support import SYMBOLS, Platform

VENUE = {"start": "2026-02-01", "symbols": list(SYMBOLS)}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def platform(lab: Lab, instance: dg.DagsterInstance) -> Platform:
    """Definitions as an installation has them, with two symbols and a start in February."""
    return Platform(
        lab.with_settings(venues=dict.fromkeys(("binance", "okx", "aster"), VENUE)), instance
    )
