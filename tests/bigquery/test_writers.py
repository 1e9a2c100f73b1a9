"""Writers on BigQuery side by side, killed in mid-commit, or cut off from it: nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery
from google.cloud import bigquery

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))
import bigquery_worker
from bigquery_worker import REQUESTS, long_batch
from engine_support import settings_of, store_fixtures
from warehouse_support import SYMBOLS, ask, candle_batch, candles, hours, request

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Committed

pytestmark = pytest.mark.xdist_group("bigquery")

place, shared, store = store_fixtures("writers")


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
    process = subprocess.Popen([*worker(place), "stops"], stdout=subprocess.PIPE, text=True)
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


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["runs on", "is cancelled"])
def test_a_writer_killed_while_its_transaction_runs_leaves_all_of_it_or_nothing(
    store: BigQueryWarehouse, place: EmulatedBigQuery, is_cancelled: bool
) -> None:
    """The job is BigQuery's and outlives who sent it: it ends, or somebody cancels it."""
    store.commit(candle_batch(0, 2))
    before, client = stored(place), place.client()
    process = subprocess.Popen([*worker(place), "goes"], stdout=subprocess.PIPE, text=True)
    job_id = running_transaction(client, process)
    process.kill()
    said, _ = process.communicate()
    assert (process.returncode, said) == (-signal.SIGKILL, "")
    if is_cancelled:
        client.cancel_job(job_id)
    seen = set()
    while (job := client.get_job(job_id)).state != "DONE":
        seen.add(stored(place))
        time.sleep(0.02)
    after = stored(place)
    batch = long_batch()
    rows, series = batch.rows.num_rows, len(batch.series)
    whole = (before[0] + rows, before[1] + series, REQUESTS, before[3] + 1)
    # Only an order to cancel ends it early, and none that comes too late.
    assert is_cancelled or job.error_result is None
    assert after == (before if job.error_result else whole)
    assert seen <= {before, whole}
    # The same again finishes it, or finds it done.
    told = store.commit(batch)
    assert told == (Committed(inserted=rows) if after == before else Committed(unchanged=rows))
    assert stored(place)[:2] == whole[:2]
    client.close()


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
    with BigQueryWarehouse(settings_of(place), venues=["binance"]) as other:
        fenced: list[datetime] = []

        def slowly(transaction: object) -> None:
            from market_assets.warehouse.bigquery.session import Transaction

            assert isinstance(transaction, Transaction)
            transaction.execute("SELECT count(*) FROM ops.coverage")
            if not fenced:
                with other.writing_alone("Asking for all that was committed") as moment:
                    fenced.append(moment)
            transaction.execute(
                "INSERT INTO ops.builds VALUES ('m', TIMESTAMP '2026-01-01', TIMESTAMP"
                " '2026-01-01', CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP), 'r',"
                " CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP))"
            )

        time.sleep(0.01)
        store._session.write("Committing slowly", slowly)
    [row] = ask(store, "SELECT built_at FROM ops.builds")
    assert row["built_at"].replace(tzinfo=UTC) > fenced[0]
    # What begins after the fence and is not visible yet is stamped later as well: the moment is one
    # of before it, by the clock of the stamps.
    [(changed,)] = place.rows(f"SELECT MIN(written_at) FROM {place.prefix}ops.writers")
    assert fenced[0] <= changed


def worker(place: EmulatedBigQuery) -> list[str]:
    script = Path(bigquery_worker.__file__)
    return [sys.executable, str(script), place.api_endpoint, place.project, place.prefix]


def running_transaction(client: bigquery.Client, process: subprocess.Popen[str]) -> str:
    """The id of the job that is between BEGIN and COMMIT, once there is one."""
    began = datetime.now(UTC)
    while process.poll() is None:
        for job in client.list_jobs(state_filter="running", min_creation_time=began):
            if "BEGIN TRANSACTION" in getattr(job, "query", ""):
                return str(job.job_id)
        time.sleep(0.02)
    raise AssertionError("its transaction was over before anybody saw it")


def stored(place: EmulatedBigQuery) -> tuple[int, ...]:
    """Rows, series that are covered, requests and commits, all of them at one moment."""
    raw, ops = f"{place.prefix}raw", f"{place.prefix}ops"
    [found] = place.rows(
        f"SELECT (SELECT COUNT(*) FROM {raw}.binance_ohlcv),"
        f" (SELECT COUNT(*) FROM {ops}.coverage),"
        f" (SELECT COUNT(*) FROM {ops}.requests),"
        f" (SELECT MAX(writes) FROM {ops}.writers WHERE scope = 'raw.binance_ohlcv')"
    )
    return found


def tables_of(place: EmulatedBigQuery, schema: str) -> list[str]:
    return [item.table_id for item in place.client().list_tables(f"{place.prefix}{schema}")]
