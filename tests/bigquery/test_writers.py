"""Writers on BigQuery side by side, killed in mid-commit, or cut off from it: nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery, RunningEmulator

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))
from engine_support import emptied, settings_of
from warehouse_support import SYMBOLS, ask, candle_batch, candles, hours, request

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Committed

pytestmark = pytest.mark.xdist_group("bigquery")

WORKER = Path(__file__).parents[1] / "warehouse" / "bigquery_worker.py"


@pytest.fixture(scope="module")
def place(bigquery_emulator: RunningEmulator) -> EmulatedBigQuery:
    return bigquery_emulator.place("writers")


@pytest.fixture(scope="module")
def shared(place: EmulatedBigQuery) -> Iterator[BigQueryWarehouse]:
    with BigQueryWarehouse(settings_of(place), venues=["binance"]) as warehouse:
        yield warehouse


@pytest.fixture
def store(shared: BigQueryWarehouse) -> BigQueryWarehouse:
    return emptied(shared)


def test_two_writers_of_the_same_hours_end_with_each_row_once(
    store: BigQueryWarehouse, place: EmulatedBigQuery
) -> None:
    """Both insert what neither has seen: without the counter BigQuery would keep both."""
    with (
        BigQueryWarehouse(settings_of(place), venues=["binance"]) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        first = threads.submit(store.commit, candle_batch(0, 4, requests=[request(1)]))
        second = threads.submit(other.commit, candle_batch(2, 4, requests=[request(2)]))
        told = [first.result(), second.result()]
    assert sum(one.inserted for one in told) == 6 * len(SYMBOLS)
    read = store.read("binance", OHLCV)
    keys = list(zip(read["symbol"].to_pylist(), read["timestamp"].to_pylist(), strict=True))
    assert len(keys) == len(set(keys)) == 6 * len(SYMBOLS)
    # what both know of the series is joined, and nothing of it lost
    covered = store.covered("binance", OHLCV, "1h", SYMBOLS, hours(0, 48))
    assert covered == {symbol: [hours(0, 6)] for symbol in SYMBOLS}
    assert len(ask(store, "SELECT run_id FROM ops.requests")) == 2
    assert len(ask(store, "SELECT symbol FROM ops.coverage")) == len(SYMBOLS)


def test_a_writer_that_is_killed_in_mid_commit_leaves_the_last_good_state(
    store: BigQueryWarehouse, place: EmulatedBigQuery
) -> None:
    store.commit(candle_batch(0, 2))
    before = store.read("binance", OHLCV)
    process = subprocess.Popen(
        [sys.executable, str(WORKER), place.api_endpoint, place.project, place.prefix],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    # It has loaded its rows beside the table, and is about to send the transaction.
    assert process.stdout.readline().strip() == "loaded"
    process.kill()
    process.communicate()
    assert store.read("binance", OHLCV).equals(before)
    covered = store.covered("binance", OHLCV, "1h", SYMBOLS, hours(0, 48))
    assert covered == {symbol: [hours(0, 2)] for symbol in SYMBOLS}
    left = [name for name in tables_of(place, "loads") if name.startswith("rows_")]
    assert len(left) == 1
    # and the next commit goes through
    assert store.commit(candle_batch(0, 5)) == Committed(inserted=6, unchanged=4)


def test_many_rows_go_by_a_load_job_and_say_the_same(store: BigQueryWarehouse) -> None:
    symbols = [f"S{number:03}USDT" for number in range(20)]
    batch = candle_batch(0, 40, symbols=symbols, series=())
    assert store.commit(batch).inserted == 800
    assert store.commit(batch) == Committed(unchanged=800)
    read = store.read("binance", OHLCV)
    expected = candles(0, 40, symbols=symbols)
    assert read.drop(["ingestion_time"]).equals(expected.drop(["ingestion_time"]))


def test_what_marts_are_told_was_built_holds_every_commit_that_had_begun(
    store: BigQueryWarehouse, place: EmulatedBigQuery
) -> None:
    """A commit that began before the fence and has not ended is done again, and stamped later."""
    from datetime import UTC, datetime

    with BigQueryWarehouse(settings_of(place), venues=["binance"]) as other:
        fenced: list[datetime] = []

        def slowly(transaction: object) -> None:
            from market_assets.warehouse.bigquery.session import Transaction

            assert isinstance(transaction, Transaction)
            transaction.execute("SELECT count(*) FROM ops.coverage")
            if not fenced:
                with other.writing_alone("Asking for all that was committed"):
                    fenced.append(datetime.now(UTC))
            transaction.execute(
                "INSERT INTO ops.builds VALUES ('m', TIMESTAMP '2026-01-01', TIMESTAMP"
                " '2026-01-01', CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP), 'r',"
                " CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP))"
            )

        time.sleep(0.01)
        store._session.write("Committing slowly", slowly)
    [row] = ask(store, "SELECT built_at FROM ops.builds")
    assert row["built_at"].replace(tzinfo=UTC) > fenced[0]


def tables_of(place: EmulatedBigQuery, schema: str) -> list[str]:
    return [item.table_id for item in place.client().list_tables(f"{place.prefix}{schema}")]
