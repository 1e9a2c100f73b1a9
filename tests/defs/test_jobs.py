"""Jobs: maintenance, pruning, backup and restore, export."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from lab_support import window
from platform_support import SYMBOLS, Platform, failure, output_metadata

from market_assets.defs.maintenance import compaction_cron
from market_assets.errors import RequestInvalid
from market_assets.warehouse.databases import restore_databases

DAY = ("2026-03-04-00:00", "2026-03-04-11:00")


@pytest.fixture
def stored(platform: Platform) -> Platform:
    """With half a day of candles."""
    assert platform.run("binance_ohlcv", *DAY).success
    return platform


def test_maintenance_compacts_and_expires_rows_past_retention(platform: Platform) -> None:
    platform.lab = platform.lab.with_settings(warehouse={"retention_days": 1})
    for hour in ("01", "02", "03"):
        assert platform.run("binance_ohlcv", f"2026-03-04-{hour}:00").success
    told = output_metadata(platform.job("maintain_warehouse"))
    assert told["rows_expired"] >= 3 * len(SYMBOLS)
    assert told["retention_days"] == 1
    assert platform.lab.candles("binance", "BTCUSDT", window("2026-03-04", "2026-03-05")) == []


@pytest.mark.parametrize(
    ("hours", "cron"),
    [(1, "15 */1 * * *"), (6, "15 */6 * * *"), (24, "15 3 * * *"), (72, "15 3 */3 * *")],
)
def test_compaction_is_scheduled_as_the_settings_say(hours: int, cron: str) -> None:
    assert compaction_cron(hours) == cron


def test_pruning_deletes_old_runs_but_no_partition_changes_its_state(platform: Platform) -> None:
    first = platform.run("binance_ohlcv", "2026-03-04-00:00")
    second = platform.run("binance_ohlcv", "2026-03-04-01:00")
    failed = platform.run("binance_ohlcv", "2026-03-10-12:00")
    again = platform.run("binance_ohlcv", "2026-03-04-00:00", refresh=True)
    assert not failed.success
    before = platform.materialised("binance_ohlcv")
    told = output_metadata(platform.job("prune_run_records", {"keep_days": 30}))
    assert told["runs_deleted"] == 0, "none is older than 30 days"
    told = output_metadata(platform.job("prune_run_records", {"keep_days": 0}))
    left = {run.run_id for run in platform.instance.get_runs()}
    assert {second.run_id, again.run_id} <= left
    assert not left & {first.run_id, failed.run_id}
    assert told["runs_deleted"] == 3, "the first pruning has gone as well"
    assert platform.materialised("binance_ohlcv") == before == ["2026-03-04-00:00", "2026-03-04-01:00"]  # fmt: skip  # noqa: E501


def test_a_backup_brings_warehouse_and_run_records_back(stored: Platform, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    told = output_metadata(stored.job("back_up", {"target": str(target)}))
    assert told["warehouse_files"] > 0
    copied, what = told["run_records"].split()
    assert (int(copied) >= 3, what) == (True, "databases")
    assert stored.run("binance_ohlcv", "2026-03-05-00:00", "2026-03-05-02:00").success

    refused = stored.job("restore_warehouse", {"source": str(target)})
    assert "use force" in str(failure(refused).step_failure_data.error)
    stored.lab.lake.close()
    done = stored.job("restore_warehouse", {"source": str(target), "force": True})
    assert done.success
    stored.lab.assert_truth("binance", SYMBOLS, window("2026-03-04", "2026-03-04T12:00"))

    home = tmp_path / "elsewhere"
    names = restore_databases(target / "dagster", home)
    assert len(names) == int(copied)
    [runs] = [home / name for name in names if name.endswith("runs.db")]
    with closing(sqlite3.connect(runs)) as connection:
        assert connection.execute("select count(*) from runs").fetchone()[0] >= 1
    with pytest.raises(RequestInvalid, match="force"):
        restore_databases(target / "dagster", home)


def test_backups_named_after_their_moment_are_kept_to_a_number(stored: Platform) -> None:
    folder = stored.lab.settings.state_dir / "backups"
    for name in ("20250101T000000Z", "20250102T000000Z", "mine"):
        (folder / name).mkdir(parents=True)
    told = output_metadata(stored.job("back_up", {"keep": 2}))
    assert told["old_backups_removed"] == 1
    assert not (folder / "20250101T000000Z").exists()
    assert (folder / "mine").exists()


def test_a_window_is_exported_with_the_rows_of_the_warehouse(stored: Platform) -> None:
    from pyarrow import csv, parquet

    truth = stored.lab.true_candles(
        "binance", "BTCUSDT", window("2026-03-04T06:00", "2026-03-04T12:00")
    )
    for kind, read in (("parquet", parquet.read_table), ("csv", csv.read_csv)):
        told = output_metadata(
            stored.job("export_dataset", {
                "venue": "binance", "symbols": ["BTCUSDT"], "format": kind,
                "start": "2026-03-04T06:00", "end": "2026-03-04T12:00",
            })
        )  # fmt: skip
        assert told["rows"] == 6
        file = Path(told["file"])
        assert file.name == f"binance_ohlcv_1h_2026-03-04T0600_2026-03-04T1200.{kind}"
        assert read(file).column("close").to_pylist() == [row["close"] for row in truth]
        assert not list(file.parent.glob("*.partial"))


def test_an_export_of_nonsense_says_what_to_write(platform: Platform) -> None:
    wrong = platform.job(
        "export_dataset", {"venue": "kraken", "start": "2026-03-04", "end": "2026-03-05"}
    )
    assert "Name one of binance, okx, aster" in str(failure(wrong).step_failure_data.error)
