"""Full disks, read-only folders and damaged files: nothing is lost, and the message helps."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from warehouse_support import HOURS, SYMBOLS, Open, ask, candle_batch
from warehouse_workers import TORN, write_with_small_files

from market_assets.errors import WarehouseDamaged, WarehouseUnwritable
from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.ducklake import DuckLakeWarehouse

ROWS = HOURS * len(SYMBOLS)


def fill(file: Path) -> None:
    """Write until there is no space left."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass


def test_a_full_disk_rolls_back_says_so_and_the_next_commit_works(
    small_disk: Path, store: Path, opened: Open
) -> None:
    shutil.copytree(store, small_disk / "warehouse")
    warehouse = opened(small_disk / "warehouse")
    warehouse.commit(candle_batch())
    # A reader that is there goes on. (One that comes now would need room for SQLite's index.)
    assert warehouse.query(TORN).num_rows == 0
    filler = small_disk / "filler"
    fill(filler)
    with pytest.raises(WarehouseUnwritable, match=r"MB free") as told:
        warehouse.commit(candle_batch(HOURS, 24 * 60))
    assert str(small_disk) in str(told.value)
    assert "Nothing was lost" in str(told.value)
    assert warehouse.query("FROM raw.binance_ohlcv").num_rows == ROWS
    filler.unlink()
    assert warehouse.commit(candle_batch(HOURS, 24 * 60)).inserted == 60 * ROWS
    warehouse.close()


def test_a_file_size_limit_is_met_like_a_full_disk(
    processes: ForkServerContext, store: Path
) -> None:
    receiving, sending = processes.Pipe(duplex=False)
    limit = 10_000  # bytes; a month of candles takes more
    worker = processes.Process(target=write_with_small_files, args=(store, limit, sending))
    worker.start()
    sending.close()
    told = receiving.recv()
    assert told[0] == "WarehouseUnwritable", told
    said = told[1]
    assert "MB free" in said
    assert receiving.recv() == 0
    assert receiving.recv() == 400 * ROWS
    worker.join()
    receiving.close()


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Make a folder read-only, for root too."""
    mounted: list[Path] = []

    def freeze(folder: Path) -> Path:
        if os.geteuid() != 0:
            folder.chmod(0o555)
            return folder
        subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        return folder

    yield freeze
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_new_warehouse_in_a_read_only_folder_names_the_folder(
    tmp_path: Path, frozen: Callable[[Path], Path]
) -> None:
    folder = tmp_path / "frozen"
    folder.mkdir()
    frozen(folder)
    with pytest.raises(WarehouseUnwritable, match="cannot be written") as told:
        DuckLakeWarehouse(folder / "warehouse")
    assert str(folder) in str(told.value)
    assert "write access" in str(told.value)


def test_a_warehouse_that_became_read_only_names_itself(
    store: Path, opened: Open, frozen: Callable[[Path], Path]
) -> None:
    opened(store).commit(candle_batch())
    frozen(store)
    with pytest.raises(WarehouseUnwritable, match="cannot be written"):
        opened(store).commit(candle_batch(volume=2.0))


def overwrite(catalog: Path) -> None:
    catalog.write_bytes(b"no database at all" * 500)


def empty(catalog: Path) -> None:
    catalog.write_bytes(b"")


def foreign(catalog: Path) -> None:
    catalog.unlink()
    with sqlite3.connect(catalog) as connection:
        connection.execute("CREATE TABLE somebody_elses (a)")
    connection.close()


def cut(catalog: Path) -> None:
    catalog.write_bytes(catalog.read_bytes()[:20_000])


@pytest.mark.parametrize("damage", [overwrite, empty, foreign, cut])
def test_a_catalog_that_is_none_of_ours_is_left_alone_and_named(
    store: Path, damage: Callable[[Path], None]
) -> None:
    catalog = store / "catalog.sqlite"
    damage(catalog)
    before = catalog.read_bytes()
    with pytest.raises(WarehouseDamaged, match="backup") as told:
        DuckLakeWarehouse(store, venues=["binance"])
    assert str(store) in str(told.value)
    assert catalog.read_bytes() == before


def test_a_catalog_of_a_newer_version_is_left_alone_and_named(store: Path, opened: Open) -> None:
    with contextlib.closing(sqlite3.connect(store / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE ducklake_metadata SET value = '9.9' WHERE key = 'version'")
    with pytest.raises(WarehouseDamaged, match=r"catalog version is 9\.9") as told:
        opened(store, read_only=True).read("binance", OHLCV)
    assert "the version of market-assets that wrote it" in str(told.value)


def test_a_reader_of_a_foreign_catalog_is_told_so(store: Path, opened: Open) -> None:
    foreign(store / "catalog.sqlite")
    with pytest.raises(WarehouseDamaged, match="backup"):
        opened(store, read_only=True).read("binance", OHLCV)


def test_a_lost_data_file_is_damage_and_not_a_wrong_question(store: Path, opened: Open) -> None:
    warehouse = opened(store)
    warehouse.commit(candle_batch())
    for file in (store / "data" / "raw" / "binance_ohlcv").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(WarehouseDamaged, match="backup"):
        warehouse.read("binance", OHLCV)
    with pytest.raises(WarehouseDamaged, match="backup"):
        ask(warehouse, "SELECT sum(volume) FROM raw.binance_ohlcv")
