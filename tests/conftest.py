"""What many tests share: an exchange on loopback, an empty lake, and a lab that has both.

The exchange is the simulator in a process of its own, asked over real HTTP; it stands at NOW and
nothing is wrong with it unless a test says so. Starting one takes a second, so each worker has one,
and every test gets it as new.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Helpers are imported by name: `from lab_support import Lab, window`.
sys.path.insert(0, str(Path(__file__).parent / "ingest"))
sys.path.insert(0, str(Path(__file__).parent / "bigquery"))

from emulator_support import EmulatedBigQuery, RunningEmulator, running_emulator
from lab_support import CALM, EVERY_VENUE, Lab, settings_for

from market_assets.marts.dbt_command import SERVER_VARIABLE
from market_assets.marts.project import Project
from market_assets.process_end import leave_memory_to_the_system
from market_assets.settings import Settings
from market_assets.simulator.process import RunningSimulator, running_simulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse

# Started in the background of a script, we are born with Ctrl-C ignored, and so would be every
# program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# As in a stack: numpy's threads would spin, here and in each process that is started from here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
leave_memory_to_the_system()


# What only runs where the platform is in production: `make test-production`.
PRODUCTION_ROOMS = {Path(__file__).parent / room for room in ("bigquery", "deploy")}
# A test that asks for an exchange, a warehouse or an emulator takes a second or more: these are
# slow, and who works on one room runs that room's folder.
SLOW_PARTS = {"lab", "running_exchange", "empty_lake", "empty_store", "engine"}
SLOW_PARTS |= {"bigquery_emulator", "parsed_marts"}


def pytest_itemcollected(item: pytest.Item) -> None:
    if not SLOW_PARTS.isdisjoint(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.slow)
    groups = {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
    if (
        any(group.startswith("bigquery") for group in groups)
        or item.path.parent in PRODUCTION_ROOMS
    ):
        item.add_marker(pytest.mark.production)


_dbt_server = pytest.StashKey[tuple[subprocess.Popen[bytes], Path]]()


def pytest_configure(config: pytest.Config) -> None:
    """As in a stack, one process has imported dbt; it does so when a test's command asks it."""
    if hasattr(config, "workerinput"):
        return  # it is there by then, and the worker's environment names it
    folder = Path(tempfile.mkdtemp(prefix="market-assets-tests-"))
    address = str(folder / "dbt.sock")
    os.environ[SERVER_VARIABLE] = address
    command = [sys.executable, "-m", "market_assets.marts.dbt_server", address]
    config.stash[_dbt_server] = subprocess.Popen(command), folder


def pytest_unconfigure(config: pytest.Config) -> None:
    if _dbt_server in config.stash:
        server, folder = config.stash[_dbt_server]
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_collection_finish() -> None:
    """Of what was collected nothing is garbage: looking for some in it, again and again, is 2 %."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def running_exchange() -> Iterator[RunningSimulator]:
    with running_simulator(CALM) as simulator:
        yield simulator


@pytest.fixture
def exchange(running_exchange: RunningSimulator) -> RunningSimulator:
    """Three venues that stand at NOW, without limits and without faults."""
    running_exchange.control(clock=None, limits=None, faults=None, latency_ms=0)
    running_exchange.control(**CALM, reset_stats=True)
    return running_exchange


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lake") / "warehouse"
    DuckLakeWarehouse(path, venues=EVERY_VENUE).close()
    return path


@pytest.fixture
def lake(empty_lake: Path, tmp_path: Path) -> Iterator[DuckLakeWarehouse]:
    """An empty warehouse with the tables of all venues."""
    folder = shutil.copytree(empty_lake, tmp_path / "warehouse")
    with DuckLakeWarehouse(folder, venues=EVERY_VENUE) as store:
        yield store


@pytest.fixture
def lab(exchange: RunningSimulator, lake: DuckLakeWarehouse, tmp_path: Path) -> Lab:
    return Lab(exchange, lake, tmp_path, settings_for(exchange))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`disk(size)`: a folder that is a file system of its own; `disk(options)` mounts it anew."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root; a file size limit stands for it in one test")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        how = f"remount,{options}" if mounted else options
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"this machine lets nobody mount: {made.stderr.strip()}")
        mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all workers of one run of the tests see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def parsed_marts(shared_folder: Path) -> Path:
    """dbt's parsed project: ten seconds of a core, so that all workers share one."""
    project = Project(Settings.model_validate({"state_dir": shared_folder / "parsed"}))
    project.prepare()  # it waits while another worker is at it
    return project.target


@pytest.fixture(scope="session")
def bigquery_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    with running_emulator(tmp_path_factory.mktemp("bigquery")) as emulator:
        yield emulator


@pytest.fixture
def bigquery(
    bigquery_emulator: RunningEmulator, request: pytest.FixtureRequest
) -> EmulatedBigQuery:
    """BigQuery's interfaces on loopback, and names of datasets that no other test uses.

    A test that asks for it carries `pytest.mark.xdist_group("bigquery")`, or "bigquery_marts": then
    one worker starts the emulator (seconds), and all tests of the group share it.
    """
    return bigquery_emulator.place(request.node.name)
