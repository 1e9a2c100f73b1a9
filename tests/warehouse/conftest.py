"""An empty warehouse for each test, copied from one that was made once, and other processes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

# Helpers are imported by name, here and in the processes that the tests start.
sys.path.insert(0, str(Path(__file__).parent))

from emulator_support import RunningEmulator
from engine_support import emptied, settings_of
from forked_support import forking
from warehouse_support import Open

from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.ducklake import DuckLakeWarehouse


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "warehouse"
    DuckLakeWarehouse(path, venues=["binance"]).close()
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Path:
    """The folder of an empty warehouse."""
    return shutil.copytree(empty_store, tmp_path / "warehouse")


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open warehouses that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(DuckLakeWarehouse(*args, **options))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tests of a module that names ENGINES are the contract: each runs on every engine."""
    engines = getattr(metafunc.module, "ENGINES", ())
    if "engine" not in metafunc.fixturenames or not engines:
        return
    gaps = {mark.args[0]: mark.args[1] for mark in metafunc.definition.iter_markers("gap")}
    metafunc.parametrize(
        "engine",
        [
            pytest.param(
                name,
                marks=[
                    *([pytest.mark.xdist_group("bigquery")] if name == "bigquery" else []),
                    *([pytest.mark.xfail(reason=gaps[name], strict=True)] if name in gaps else []),
                ],
            )
            for name in engines
        ],
    )


@pytest.fixture
def engine() -> str:
    """Which engine a test is for, where it is not for all of them."""
    return "ducklake"


@pytest.fixture(scope="session")
def on_bigquery(bigquery_emulator: RunningEmulator) -> Iterator[BigQueryWarehouse]:
    """One store for all tests: making its tables takes the emulator seconds."""
    settings = settings_of(bigquery_emulator.place("contract"))
    with BigQueryWarehouse(settings, venues=["binance"]) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(engine: str, request: pytest.FixtureRequest) -> DuckLakeWarehouse | BigQueryWarehouse:
    """An empty store of the engine."""
    if engine == "bigquery":
        found: BigQueryWarehouse = request.getfixturevalue("on_bigquery")
        return emptied(found)
    opened: Open = request.getfixturevalue("opened")
    return opened(request.getfixturevalue("store"))


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    return forking()


@pytest.fixture
def small_disk(disk: Callable[[str], Path]) -> Path:
    """A file system of 4 MB, which only root can make."""
    return disk("size=4m")
