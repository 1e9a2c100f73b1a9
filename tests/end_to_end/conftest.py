"""One real stack (webserver, daemon, code server, simulator) that these tests share.

Each module names one of two xdist groups, `end_to_end` or `demo_and_watch`: these tests wait more
than they compute, and one after the other they take ten minutes. More than two stacks at once are
too much for two cores. (A mark that a conftest adds comes too late for xdist.)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Helpers are imported by name, here and in the processes that the tests start.
sys.path.insert(0, str(Path(__file__).parent))

from driving import DrivenStack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these take long."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, parsed_marts: Path) -> Iterator[DrivenStack]:
    driven = DrivenStack(tmp_path_factory.mktemp("stack") / "state", parsed_marts)
    try:
        driven.start()
        driven.stop_automation()
        yield driven
    finally:
        driven.stop()
