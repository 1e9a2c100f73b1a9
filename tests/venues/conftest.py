"""The HTTP client against the simulated exchanges."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Helpers are imported by name: `from http_support import Client`.
sys.path.insert(0, str(Path(__file__).parent))

from http_support import Client

from market_assets.simulator.process import RunningSimulator


@pytest.fixture
def client(exchange: RunningSimulator, tmp_path: Path) -> Client:
    return Client(exchange, tmp_path / "venues.sqlite")


@pytest.fixture
def once(exchange: RunningSimulator) -> Callable[..., None]:
    """The first request meets the fault, all later ones are served."""

    def plan(fault: str, times: int = 1, **more: Any) -> None:
        schedule = [{"fault": fault, "start_request": 1, "end_request": times}]
        exchange.control(faults={"schedule": schedule, **more})

    return plan
