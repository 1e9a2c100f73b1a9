"""An empty warehouse for each test, copied from one that was made once, and other processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

# Helpers are imported by name, here and in the processes that the tests start.
sys.path.insert(0, str(Path(__file__).parent))

from market_assets.warehouse.ducklake import DuckLakeWarehouse

Open = Callable[..., DuckLakeWarehouse]


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


@pytest.fixture
def warehouse(store: Path, opened: Open) -> DuckLakeWarehouse:
    return opened(store)


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Processes that start quickly, because what they import is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["duckdb", "pyarrow", "pyarrow.dataset", "warehouse_workers"])
    return context


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB, which only root can make."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root; the file size limit test covers the rest")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine lets nobody mount: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
