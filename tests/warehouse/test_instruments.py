"""Instruments are versions: one is open, and a difference closes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_support import emptied
from warehouse_support import ask, at, batch_of, change

from market_assets.schemas.datasets import INSTRUMENTS
from market_assets.schemas.timeline import Window
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Committed
from market_assets.warehouse.ducklake import DuckLakeWarehouse

ENGINES = ("ducklake", "bigquery")


@pytest.fixture(scope="module")
def shared(
    empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckLakeWarehouse]:
    path = shutil.copytree(empty_store, tmp_path_factory.mktemp("instruments") / "warehouse")
    with DuckLakeWarehouse(path) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(
    engine: str, request: pytest.FixtureRequest
) -> Iterator[DuckLakeWarehouse | BigQueryWarehouse]:
    """One warehouse for all tests here, emptied after each."""
    if engine == "bigquery":
        yield emptied(request.getfixturevalue("on_bigquery"))
        return
    shared: DuckLakeWarehouse = request.getfixturevalue("shared")
    yield shared
    change(shared, "DELETE FROM raw.binance_instruments", "DELETE FROM ops.revisions")


def instrument(seen_at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "venue": "binance",
        "native_symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "contract_size": 1.0,
        "tick_size": 0.1,
        "lot_size": 0.001,
        "status": "trading",
        "listed_at": at(-1000),
        "valid_from": at(seen_at),
        "ingestion_time": at(seen_at),
        "source": "rest",
        "is_backfill": False,
        "run_id": f"run-{seen_at}",
    } | changes


def versions(warehouse: DuckLakeWarehouse, *columns: str) -> list[tuple[Any, ...]]:
    rows = warehouse.read("binance", INSTRUMENTS).to_pylist()
    return [tuple(row[column] for column in columns) for row in rows]


def test_an_unchanged_instrument_stays_one_open_version(warehouse: DuckLakeWarehouse) -> None:
    assert warehouse.commit(batch_of(INSTRUMENTS, [instrument(0)])) == Committed(inserted=1)
    assert warehouse.commit(batch_of(INSTRUMENTS, [instrument(5)])) == Committed(unchanged=1)
    assert versions(warehouse, "valid_from", "valid_to", "run_id") == [(at(0), None, "run-0")]


def test_a_change_closes_the_version_and_opens_the_next(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(batch_of(INSTRUMENTS, [instrument(0)]))
    changed = instrument(5, tick_size=0.01, valid_to=at(99))
    assert warehouse.commit(batch_of(INSTRUMENTS, [changed])) == Committed(corrected=1)
    assert versions(warehouse, "tick_size", "valid_from", "valid_to") == [
        (0.1, at(0), at(5)),
        (0.01, at(5), None),
    ]
    # compared with the open version, not with any
    back = instrument(9, tick_size=0.1)
    assert warehouse.commit(batch_of(INSTRUMENTS, [back])) == Committed(corrected=1)
    assert versions(warehouse, "tick_size", "valid_to") == [
        (0.1, at(5)),
        (0.01, at(9)),
        (0.1, None),
    ]
    # a closed version is history, not a correction
    assert len(ask(warehouse, "FROM ops.revisions")) == 0


def test_a_relisted_symbol_is_another_instrument(warehouse: DuckLakeWarehouse) -> None:
    gone = instrument(0, status="delisted", delisted_at=at(-1))
    relisted = instrument(5, listed_at=at(4), tick_size=5.0)
    warehouse.commit(batch_of(INSTRUMENTS, [gone]))
    committed = warehouse.commit(batch_of(INSTRUMENTS, [gone | {"valid_from": at(5)}, relisted]))
    assert committed == Committed(inserted=1, unchanged=1)
    assert versions(warehouse, "status", "valid_to") == [("delisted", None), ("trading", None)]


def test_a_state_seen_earlier_does_not_rewrite_what_holds_now(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(batch_of(INSTRUMENTS, [instrument(5)]))
    late = batch_of(INSTRUMENTS, [instrument(0, tick_size=9.0)])
    assert warehouse.commit(late) == Committed(unchanged=1)
    assert versions(warehouse, "tick_size", "valid_to") == [(0.1, None)]


def test_two_answers_of_one_moment_leave_one_version_and_a_trace(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(batch_of(INSTRUMENTS, [instrument(0)]))
    warehouse.commit(batch_of(INSTRUMENTS, [instrument(0, status="halted")], "run-b"))
    assert versions(warehouse, "status", "valid_from", "valid_to") == [("halted", at(0), None)]
    [revision] = ask(warehouse, "FROM ops.revisions")
    assert '"status":"trading"' in revision["old_values"]


def test_an_instrument_twice_in_one_batch_is_refused(warehouse: DuckLakeWarehouse) -> None:
    twice = [instrument(0), instrument(1, tick_size=7.0)]
    with pytest.raises(ValueError, match="instruments: 2 rows with the key"):
        warehouse.commit(batch_of(INSTRUMENTS, twice))


def test_reading_a_window_gives_the_versions_that_held_in_it(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(batch_of(INSTRUMENTS, [instrument(0)]))
    warehouse.commit(batch_of(INSTRUMENTS, [instrument(5, tick_size=0.5)]))
    early = Window.of(at(1), at(2))
    read = warehouse.read("binance", INSTRUMENTS, window=early).to_pylist()
    assert [row["tick_size"] for row in read] == [0.1]
