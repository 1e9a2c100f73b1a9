"""Receivers on loopback, and desks that have a warehouse of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alert_support import Webhook, settings_for

from market_assets.alerts.desk import Desk
from market_assets.settings import Secrets
from market_assets.warehouse.ducklake import DuckLakeWarehouse


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as receiver:
        yield receiver


@pytest.fixture
def second_webhook() -> Iterator[Webhook]:
    with Webhook() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def quiet_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse without venues, which opens in half the time, and without alerts."""
    path = tmp_path_factory.mktemp("quiet") / "warehouse"
    DuckLakeWarehouse(path).close()
    return path


@pytest.fixture
def folder(quiet_lake: Path, tmp_path: Path) -> Path:
    """A folder with an empty warehouse in it."""
    shutil.copytree(quiet_lake, tmp_path / "warehouse")
    return tmp_path


OpenDesk = Callable[..., Desk]


@pytest.fixture
def desk(folder: Path) -> Iterator[OpenDesk]:
    """`desk({"ops": url}, for_minutes=5)`: a desk as a process has it when it starts."""
    with ExitStack() as stack:

        def open_desk(urls: dict[str, str] | None = None, **alerts: Any) -> Desk:
            settings = settings_for(folder, urls or {}, **alerts)
            secrets = Secrets({f"{name}_url": url for name, url in (urls or {}).items()})
            return stack.enter_context(Desk(settings, secrets))

        yield open_desk
