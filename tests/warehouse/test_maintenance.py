"""Maintenance makes the store smaller and changes no row that is to be kept."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warehouse_support import START, ask, candle_batch, candles, hours, request

from market_assets.schemas.alerts import Alert, AlertDelivery
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import to_ms
from market_assets.warehouse.connection import connect
from market_assets.warehouse.contract import (
    Build,
    CheckResult,
    Gap,
    MissingSpan,
    QuarantinedRow,
    RepairAttempt,
    SeriesOutcome,
)
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.layout import Layout


def files(warehouse: DuckLakeWarehouse) -> int:
    return sum(1 for file in (warehouse.path / "data").rglob("*.parquet"))


def test_small_files_are_merged_and_every_row_stays(warehouse: DuckLakeWarehouse) -> None:
    for hour in range(12):
        warehouse.commit(candle_batch(hour, 1, requests=[request(hour)]))
    # one window is corrected, so that there are deletes to fold in
    warehouse.commit(candle_batch(0, 3, rows=candles(0, 3, volume=9.0)))
    rows, on_disk = warehouse.read("binance", OHLCV), files(warehouse)
    ops = {
        name: ask(warehouse, f"FROM ops.{name} ORDER BY ALL")
        for name in ("coverage", "revisions", "requests")
    }

    kept = warehouse.maintain()
    assert kept.files_after <= 6 < 20 < kept.files_before
    assert kept.bytes_after < kept.bytes_before
    # the old files stay for readers that are on them
    assert kept.files_deleted == 0
    assert files(warehouse) >= on_disk

    swept = warehouse.maintain(snapshot_days=0, grace_seconds=0)
    assert swept.files_deleted >= 20
    assert files(warehouse) <= 8
    assert warehouse.read("binance", OHLCV).equals(rows)
    for name, table in ops.items():
        assert ask(warehouse, f"FROM ops.{name} ORDER BY ALL") == table
    assert warehouse.commit(candle_batch(0, 12, rows=rows)).unchanged == rows.num_rows


def test_the_store_as_it_was_can_be_asked_for_until_its_snapshots_go(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(candle_batch(volume=1.0))
    [snapshot] = ask(warehouse, "SELECT max(snapshot_id) AS id FROM lake.snapshots()")
    warehouse.commit(candle_batch(volume=2.0))
    then = f"SELECT DISTINCT volume FROM raw.binance_ohlcv AT (VERSION => {snapshot['id']})"
    warehouse.maintain(snapshot_days=1, grace_seconds=0)
    assert ask(warehouse, then) == [{"volume": 1.0}]
    warehouse.maintain(snapshot_days=0, grace_seconds=0)
    assert len(ask(warehouse, "FROM lake.snapshots()")) == 1


def test_files_that_nobody_knows_go_when_they_are_old(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch())
    folder = next((warehouse.path / "data").rglob("*.parquet")).parent
    old, young = folder / "ducklake-old.parquet", folder / "ducklake-young.parquet"
    for orphan in (old, young):
        orphan.write_bytes(b"half a file")
    yesterday = time.time() - 86_400
    os.utime(old, (yesterday, yesterday))
    assert warehouse.maintain().files_deleted == 1
    assert not old.exists()
    # it may be of a transaction that is still going on
    assert young.exists()


def test_retention_expires_rows_with_all_that_was_said_about_them(
    warehouse: DuckLakeWarehouse,
) -> None:
    now = datetime.now(UTC)
    # cut in the middle of the window, on the hour after the cutoff is known to lie in it
    shift = (to_ms(now - timedelta(days=30)) - START) // 3_600_000 - 12
    window = hours(shift, 24)
    gap = Gap(hours(shift + 2, 20), "no_trade", {"why": "test"})
    warehouse.commit(
        candle_batch(
            shift,
            24,
            symbols=["BTCUSDT"],
            series=[SeriesOutcome("BTCUSDT", window, (window,), (gap,))],
            quarantined=[
                QuarantinedRow("BTCUSDT", now - timedelta(days=40), ("x",), "{}"),
                QuarantinedRow("BTCUSDT", now, ("x",), "{}"),
            ],
        )
    )
    kept = warehouse.maintain(retention_days=30)
    assert kept.rows_expired in (12, 13)
    left = warehouse.read("binance", OHLCV)
    assert left.num_rows == 24 - kept.rows_expired
    [covered] = warehouse.covered("binance", OHLCV, "1h", ["BTCUSDT"], window)["BTCUSDT"]
    assert covered.end == window.end
    assert window.start + 12 * 3_600_000 <= covered.start <= window.start + 13 * 3_600_000
    [known] = warehouse.gaps("binance", OHLCV, "1h", ["BTCUSDT"], window)["BTCUSDT"]
    assert (known.window.start, known.window.end) == (covered.start, gap.window.end)
    [row] = ask(warehouse, "SELECT candles FROM ops.gaps")
    assert row["candles"] == 22 - kept.rows_expired
    assert len(ask(warehouse, "FROM raw.quarantine")) == 1
    # what is covered and what is stored still agree: asking again finds nothing new to do
    assert warehouse.maintain(retention_days=30).rows_expired in (0, 1)


def test_maintenance_of_an_empty_store_is_no_trouble(warehouse: DuckLakeWarehouse) -> None:
    kept = warehouse.maintain(retention_days=1)
    assert (kept.rows_expired, kept.files_after) == (0, 0)


def test_a_reader_keeps_reading_while_files_are_merged_and_swept(
    warehouse: DuckLakeWarehouse, store: Path
) -> None:
    for hour in range(6):
        warehouse.commit(candle_batch(hour, 1))
    with DuckLakeWarehouse(store, read_only=True) as reader:
        assert reader.read("binance", OHLCV).num_rows == 12
        warehouse.maintain(snapshot_days=0, grace_seconds=0)
        assert reader.read("binance", OHLCV).num_rows == 12


def test_retention_forgets_old_verdicts_attempts_changes_and_builds_and_keeps_the_new(
    warehouse: DuckLakeWarehouse, store: Path
) -> None:
    now = datetime.now(UTC)
    verdict = CheckResult("raw.binance_ohlcv", "schema", hours(0, 1), True, "error", True)
    span = MissingSpan("binance", "ohlcv", "1h", "BTCUSDT", hours(0, 1))
    times = {
        "check_results": "checked_at",
        "repairs": "attempted_at",
        "changes": "changed_at",
        "builds": "built_at",
    }
    for age in (40, 0):
        warehouse.commit(candle_batch(age, 1, run_id=f"run-{age}"))
        warehouse.record_checks([verdict])
        warehouse.record_repairs([RepairAttempt(span, 1, "started", "{}", now)])
        warehouse.record_builds([Build("ohlcv", now.date(), now.date(), now)], f"run-{age}")
        if age:
            connection = connect(Layout(store))
            for table, time in times.items():
                connection.execute(
                    f"UPDATE lake.ops.{table} SET {time} = {time} - INTERVAL {age} DAY"
                )
            connection.close()
    warehouse.maintain(retention_days=30)
    for table, time in times.items():
        assert len(ask(warehouse, f"SELECT {time} FROM ops.{table}")) == 1, table


def test_retention_forgets_alerts_that_are_long_over_and_keeps_how_each_key_stands(
    warehouse: DuckLakeWarehouse,
) -> None:
    now = datetime.now(UTC)
    rows, messages = [], []
    # Of one key an alert that is over and one after it; of another, one that is still open.
    for name, key, sequence, state, age in (
        ("over", "completeness/binance", 1, "resolved", 40),
        ("last", "completeness/binance", 2, "resolved", 35),
        ("open", "freshness/okx", 1, "firing", 50),
        ("young", "run_failed/x", 1, "resolved", 5),
        ("newer", "run_failed/x", 2, "resolved", 1),
    ):
        at = now - timedelta(days=age)
        rule, _, scope = key.partition("/")
        alert = Alert(
            alert_id=name,
            key=key,
            rule=rule,
            scope=scope,
            severity="warning",
            peak_severity="warning",
            state=state,
            change=state,
            title=name,
            members=(),
            began_at=at,
            changed_at=at,
            sequence=sequence,
        )
        rows.append(alert)
        messages.append(
            AlertDelivery(
                message_id=f"{name}-log",
                alert_id=name,
                alert_sequence=sequence,
                channel="log",
                kind="fired",
                outcome="sent",
                attempt=1,
                changed_at=at,
                title=name,
                body="",
            )
        )
    warehouse.record_alerts(rows, messages)
    warehouse.release_budget((now - timedelta(days=40)).date(), "long ago")
    warehouse.release_budget(now.date(), "today")
    before = warehouse.alert_book()
    warehouse.maintain(retention_days=30)
    for table in ("alerts", "alert_deliveries"):
        left = ask(warehouse, f"SELECT alert_id FROM ops.{table} ORDER BY alert_id")
        assert [row["alert_id"] for row in left] == ["last", "newer", "open", "young"], table
    after = warehouse.alert_book()
    assert (after.alerts, after.deliveries) == (before.alerts, before.deliveries)
    assert warehouse.released(now.date()) == "today"
    assert warehouse.released((now - timedelta(days=40)).date()) is None
