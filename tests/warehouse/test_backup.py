"""A backup is the store, byte for byte checked; a restore is all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from warehouse_support import HOURS, SYMBOLS, Open, ask, candle_batch, request

from market_assets.errors import RequestInvalid, WarehouseBusy, WarehouseDamaged
from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.backup import restore_into, verify
from market_assets.warehouse.ducklake import DuckLakeWarehouse

TABLES = ("raw.binance_ohlcv", "ops.coverage", "ops.gaps", "ops.requests", "ops.revisions")


def contents(warehouse: DuckLakeWarehouse) -> dict[str, list[dict[str, object]]]:
    return {name: ask(warehouse, f"FROM {name} ORDER BY ALL") for name in TABLES}


@pytest.fixture
def filled(warehouse: DuckLakeWarehouse) -> DuckLakeWarehouse:
    warehouse.commit(candle_batch(requests=[request()]))
    warehouse.commit(candle_batch(volume=2.0))  # so that there are delete files and revisions
    return warehouse


def test_a_backup_restored_elsewhere_holds_the_same_and_works_on(
    filled: DuckLakeWarehouse, tmp_path: Path, opened: Open
) -> None:
    manifest = filled.backup(tmp_path / "backup")
    assert {file.path for file in manifest.files} == {
        str(file.relative_to(tmp_path / "backup"))
        for file in (tmp_path / "backup").rglob("*")
        if file.is_file() and file.name != "manifest.json"
    }
    before = contents(filled)
    filled.commit(candle_batch(HOURS))  # the backup does not follow
    elsewhere = opened(tmp_path / "elsewhere")
    elsewhere.restore(tmp_path / "backup")
    assert contents(elsewhere) == before
    assert elsewhere.commit(candle_batch(HOURS)).inserted == HOURS * len(SYMBOLS)
    assert elsewhere.maintain(snapshot_days=0, grace_seconds=0).files_after > 0
    # its home is the new folder: the old one may vanish
    assert elsewhere.read("binance", OHLCV).num_rows == 2 * HOURS * len(SYMBOLS)


def test_restoring_over_data_needs_force_and_leaves_nothing_of_it(
    filled: DuckLakeWarehouse, tmp_path: Path
) -> None:
    filled.backup(tmp_path / "backup")
    before = contents(filled)
    filled.commit(candle_batch(volume=3.0))
    with pytest.raises(RequestInvalid, match="force"):
        filled.restore(tmp_path / "backup")
    assert contents(filled) != before
    manifest = filled.restore(tmp_path / "backup", force=True)
    assert contents(filled) == before
    on_disk = {
        str(file.relative_to(filled.path))
        for file in (filled.path / "data").rglob("*")
        if file.is_file()
    }
    assert on_disk == {file.path for file in manifest.files} - {"catalog.sqlite"}


def test_a_damaged_store_can_be_restored(filled: DuckLakeWarehouse, tmp_path: Path) -> None:
    filled.backup(tmp_path / "backup")
    before = contents(filled)
    filled.close()
    (filled.path / "catalog.sqlite").write_bytes(b"scribbled over" * 1000)
    with pytest.raises(RequestInvalid, match="force"):
        restore_into(filled.path, tmp_path / "backup")
    restore_into(filled.path, tmp_path / "backup", force=True)
    assert contents(filled) == before


def test_a_backup_that_is_not_what_it_was_is_refused(
    filled: DuckLakeWarehouse, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    manifest = filled.backup(backup)
    assert verify(backup) == manifest
    victim = next((backup / "data").rglob("*.parquet"))
    content = victim.read_bytes()
    before = contents(filled)
    flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    for tampered in (flipped, content[:-1], None):
        victim.unlink()
        if tampered is not None:
            victim.write_bytes(tampered)
        with pytest.raises(WarehouseDamaged, match=victim.name):
            filled.restore(backup, force=True)
        victim.touch()
    assert contents(filled) == before
    victim.write_bytes(content)
    assert verify(backup) == manifest


def test_a_store_is_not_swapped_under_a_transaction_and_readers_follow_the_swap(
    filled: DuckLakeWarehouse, tmp_path: Path, opened: Open
) -> None:
    filled.backup(tmp_path / "backup")
    before = contents(filled)
    filled.commit(candle_batch(volume=3.0))
    reader = opened(filled.path, read_only=True)
    changed = contents(reader)
    with reader._session.asking("Reading for long") as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM raw.binance_ohlcv").fetchall()
        with pytest.raises(WarehouseBusy, match="right now"):
            filled.restore(tmp_path / "backup", force=True)
    assert contents(reader) == changed
    filled.restore(tmp_path / "backup", force=True)
    assert contents(reader) == before


def test_a_backup_does_not_overwrite_and_a_folder_without_one_is_refused(
    filled: DuckLakeWarehouse, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious").touch()
    with pytest.raises(RequestInvalid, match="exists"):
        filled.backup(tmp_path / "taken")
    with pytest.raises(RequestInvalid, match="manifest"):
        filled.restore(tmp_path / "taken", force=True)
    assert not list(tmp_path.glob(".*partial"))


def test_a_reader_does_not_answer_from_what_it_remembers_of_the_store_before_a_restore(
    filled: DuckLakeWarehouse, tmp_path: Path, opened: Open
) -> None:
    filled.backup(tmp_path / "backup")
    filled.commit(candle_batch(HOURS, volume=3.0))
    reader = opened(filled.path, read_only=True)
    extremes = "SELECT count(*) AS n, max(volume) AS most FROM raw.binance_ohlcv"
    assert ask(reader, extremes) == [{"n": 4 * HOURS, "most": 3.0}]
    filled.restore(tmp_path / "backup", force=True)
    # the same number of snapshots and files as before, with other contents
    filled.commit(candle_batch(HOURS, 2 * HOURS, volume=99.0))
    assert ask(reader, extremes) == [{"n": 6 * HOURS, "most": 99.0}]
    beyond = "SELECT count(*) AS n FROM raw.binance_ohlcv WHERE volume > 50"
    assert ask(reader, beyond) == [{"n": 4 * HOURS}]
