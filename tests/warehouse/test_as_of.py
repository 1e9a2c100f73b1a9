"""Every past state of a table can be told: from the log of corrections, and from snapshots."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from engine_support import emptied
from warehouse_support import ask, at, batch_of, candle_batch, candles, change, hours

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import (
    FUNDING_RATES,
    INSTRUMENTS,
    OHLCV,
    TRADE_EXECUTIONS,
    Dataset,
)
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.ducklake import DuckLakeWarehouse

ENGINES = ("ducklake", "bigquery")
# A commit to the emulator takes it a second of CPU.
CORRECTIONS = {"ducklake": 200, "bigquery": 10}
SYMBOLS = ("BTCUSDT", "ETHUSDT")
TABLES = ("raw.binance_ohlcv", "raw.binance_funding_rates", "ops.revisions")
INSTANT = timedelta(microseconds=1)
# Values whose text is easily cut short, and a null where one may be.
ODD = (0.1 + 0.2, 1e-12, 5e-324, 1.7976931348623157e308, 123456789.12345679, -0.0, 1 / 3)


@pytest.fixture(scope="module")
def shared(
    empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckLakeWarehouse]:
    folder = shutil.copytree(empty_store, tmp_path_factory.mktemp("as_of") / "warehouse")
    with DuckLakeWarehouse(folder) as warehouse:
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
    change(shared, *(f"DELETE FROM {table}" for table in TABLES))


def some_candles(chance: random.Random, run_id: str) -> pa.Table:
    """Candles of ten hours, each with values of its own, from a source of its own."""
    keys = chance.sample([(s, h) for s in SYMBOLS for h in range(10)], chance.randint(1, 19))
    return pa.concat_tables(
        [
            candles(
                hour,
                1,
                symbols=[symbol],
                run_id=run_id,
                close=chance.choice(ODD),
                volume=chance.random(),
                num_trades=chance.choice([None, 0, 2**53]),
                taker_buy_volume=chance.choice([None, *ODD]),
                source=chance.choice(["rest", "archive"]),
                is_backfill=chance.random() < 0.5,
            )
            for symbol, hour in keys
        ]
    )


def state(warehouse: DuckLakeWarehouse) -> pa.Table:
    return warehouse.read("binance", OHLCV)


def time_of_last_commit(warehouse: DuckLakeWarehouse) -> datetime:
    [row] = ask(warehouse, "SELECT max(ingestion_time) AS t FROM raw.binance_ohlcv")
    moment: datetime = row["t"]
    return moment.replace(tzinfo=UTC)


def test_every_state_of_two_hundred_random_corrections_can_be_told_again(
    warehouse: DuckLakeWarehouse, engine: str
) -> None:
    chance = random.Random(20261121)
    history: list[tuple[datetime, pa.Table]] = []
    corrections = 0
    while corrections < CORRECTIONS[engine]:
        run_id = f"run-{len(history)}"
        batch = candle_batch(rows=some_candles(chance, run_id), series=(), run_id=run_id)
        corrections += warehouse.commit(batch).corrected
        history.append((time_of_last_commit(warehouse), state(warehouse)))
    begun = history[0][0]
    assert warehouse.read_as_of("binance", OHLCV, begun - INSTANT).num_rows == 0
    ends = [moment - INSTANT for moment, _ in history[1:]] + [datetime.now(UTC)]
    for number, ((first, frame), last) in enumerate(zip(history, ends, strict=True)):
        assert warehouse.read_as_of("binance", OHLCV, chance.choice([first, last])).equals(frame)
        if number % 6 == 0:
            assert warehouse.read_snapshot("binance", OHLCV, last).equals(frame)


def test_a_part_of_the_past_is_that_part_of_it(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch(0, 5))
    moment = datetime.now(UTC)
    warehouse.commit(candle_batch(0, 8, volume=3.0, run_id="run-2"))
    part: dict[str, Any] = {"interval": "1h", "symbols": ["ETHUSDT"], "window": hours(2, 4)}
    then = warehouse.read_as_of("binance", OHLCV, moment, **part)
    assert [(row["symbol"], row["timestamp"], row["volume"]) for row in then.to_pylist()] == [
        ("ETHUSDT", at(hour), 1.0) for hour in (2, 3, 4)
    ]
    assert then.equals(warehouse.read_snapshot("binance", OHLCV, moment, **part))
    assert warehouse.read_as_of("binance", OHLCV, moment, interval="4h").num_rows == 0


def test_a_row_of_then_shows_who_stored_it_and_from_where(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch(0, 1, rows=candles(0, 1, source="rest", is_backfill=False)))
    moment = datetime.now(UTC)
    changed = candles(0, 1, volume=2.0, run_id="run-2", source="archive", is_backfill=True)
    warehouse.commit(candle_batch(0, 1, rows=changed, run_id="run-2"))
    for row in warehouse.read_as_of("binance", OHLCV, moment).to_pylist():
        assert (row["run_id"], row["source"], row["is_backfill"]) == ("run-1", "rest", False)
        assert row["ingestion_time"] <= moment


def test_of_two_corrections_at_one_instant_the_older_value_came_first(
    warehouse: DuckLakeWarehouse,
) -> None:
    """A clock may stand still: then only the chain of ingestion times orders them."""
    for number, volume in enumerate((1.0, 2.0, 3.0)):
        rows = candles(0, 1, symbols=["BTCUSDT"], volume=volume, run_id=f"run-{number}")
        warehouse.commit(candle_batch(0, 1, rows=rows, series=(), run_id=f"run-{number}"))
    [first, second] = ask(warehouse, "FROM ops.revisions ORDER BY revised_at")
    stopped = f"TIMESTAMP '{first['revised_at']}'"
    change(
        warehouse,
        f"UPDATE ops.revisions SET revised_at = {stopped},"
        f" old_ingestion_time = least(old_ingestion_time, {stopped})",
        f"UPDATE raw.binance_ohlcv SET ingestion_time = {stopped}",
    )
    moment = first["revised_at"].replace(tzinfo=UTC)

    def volume_at(when: datetime) -> list[float]:
        volumes: list[float] = warehouse.read_as_of("binance", OHLCV, when)["volume"].to_pylist()
        return volumes

    assert second["revised_at"] > first["revised_at"]
    assert volume_at(moment - INSTANT) == [1.0]
    assert volume_at(moment) == [3.0]


def test_funding_of_the_past_has_its_raw_times_and_nulls_again(
    warehouse: DuckLakeWarehouse,
) -> None:
    row = {
        "timestamp": at(4),
        "symbol": "BTCUSDT",
        "venue": "binance",
        "funding_rate": 0.0001,
        "raw_timestamp": at(4) + timedelta(milliseconds=7, microseconds=1),
        "interval_hours": None,
        "mark_price": 0.1 + 0.2,
        "source": "rest",
        "is_backfill": False,
        "run_id": "run-1",
    }
    warehouse.commit(batch_of(FUNDING_RATES, [row]))
    moment, before = datetime.now(UTC), warehouse.read("binance", FUNDING_RATES)
    changed = row | {"raw_timestamp": at(4), "interval_hours": 8.0, "mark_price": None}
    assert warehouse.commit(batch_of(FUNDING_RATES, [changed], "run-2")).corrected == 1
    assert warehouse.read_as_of("binance", FUNDING_RATES, moment).equals(before)
    assert not warehouse.read("binance", FUNDING_RATES).equals(before)


def test_the_past_of_what_retention_keeps_stays_and_the_rest_is_gone_from_it(
    warehouse: DuckLakeWarehouse,
) -> None:
    old, new = hours(0, 1), hours(24 * 400, 1)
    for number, volume in enumerate((1.0, 2.0)):
        for hour in (0, 24 * 400):
            rows = candles(hour, 1, volume=volume, run_id=f"run-{number}")
            warehouse.commit(candle_batch(rows=rows, series=()))
        if not number:
            moment = datetime.now(UTC)
    kept = warehouse.read_as_of("binance", OHLCV, moment, window=new)
    [days] = ask(warehouse, f"SELECT date_diff('day', TIMESTAMP '{at(24)}', now()::TIMESTAMP) AS n")
    warehouse.maintain(retention_days=days["n"], snapshot_days=0)
    assert warehouse.read_as_of("binance", OHLCV, moment).equals(kept)
    assert kept.num_rows == 2
    assert warehouse.read_as_of("binance", OHLCV, moment, window=old).num_rows == 0


@pytest.mark.gap(
    "bigquery", "BigQuery keeps its snapshots for seven days: maintenance cannot drop one earlier"
)
def test_a_snapshot_that_is_kept_survives_compaction_and_one_that_is_not_is_named(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(candle_batch(0, 3))
    moment, before = datetime.now(UTC), state(warehouse)
    warehouse.commit(candle_batch(0, 3, volume=2.0, run_id="run-2"))
    warehouse.maintain(snapshot_days=1)
    assert warehouse.read_snapshot("binance", OHLCV, moment).equals(before)
    warehouse.maintain(snapshot_days=0)
    with pytest.raises(RequestInvalid, match=r"no snapshot of .* any more; its oldest is of"):
        warehouse.read_snapshot("binance", OHLCV, moment)
    assert warehouse.read_as_of("binance", OHLCV, moment).equals(before)


@pytest.mark.parametrize("how", ["read_as_of", "read_snapshot"])
def test_the_future_is_refused(warehouse: DuckLakeWarehouse, how: str) -> None:
    read: Callable[..., pa.Table] = getattr(warehouse, how)
    with pytest.raises(RequestInvalid, match="is yet to come"):
        read("binance", OHLCV, datetime.now(UTC) + timedelta(minutes=5))


def test_a_venue_that_never_stored_anything_had_nothing_then(warehouse: DuckLakeWarehouse) -> None:
    assert warehouse.read_as_of("kraken", OHLCV, datetime.now(UTC)).num_rows == 0
    assert warehouse.read_snapshot("kraken", OHLCV, datetime.now(UTC)).num_rows == 0


@pytest.mark.parametrize("dataset", [INSTRUMENTS, TRADE_EXECUTIONS], ids=lambda d: d.name)
def test_a_dataset_without_such_a_log_says_so(
    warehouse: DuckLakeWarehouse, dataset: Dataset
) -> None:
    with pytest.raises(RequestInvalid, match="keeps no log of every value"):
        warehouse.read_as_of("binance", dataset, datetime.now(UTC))
