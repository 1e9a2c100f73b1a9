"""A batch is stored once, corrections leave a trace, and nonsense is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from warehouse_support import (
    HOURS,
    SYMBOLS,
    ask,
    at,
    batch_of,
    candle_batch,
    candles,
    hours,
    request,
)

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV, TRADE_EXECUTIONS
from market_assets.schemas.timeline import Window
from market_assets.warehouse.contract import Batch, Committed
from market_assets.warehouse.ducklake import DuckLakeWarehouse

ENGINES = ("ducklake", "bigquery")
ROWS = HOURS * len(SYMBOLS)


def same_but_for_time(found: pa.Table, expected: pa.Table) -> bool:
    """Equal in all but when it was stored, which is the store's own to say."""
    told: bool = found.drop(["ingestion_time"]).equals(expected.drop(["ingestion_time"]))
    return told


def stored(warehouse: DuckLakeWarehouse) -> pa.Table:
    return warehouse.read("binance", OHLCV, interval="1h")


def test_what_was_committed_is_read_back_in_canonical_columns_and_order(
    warehouse: DuckLakeWarehouse,
) -> None:
    rows = candles()
    shuffled = rows.take(list(reversed(range(rows.num_rows))))
    committed = warehouse.commit(candle_batch(rows=shuffled))
    assert committed == Committed(inserted=ROWS)
    assert stored(warehouse).schema == OHLCV.arrow_schema()
    assert same_but_for_time(stored(warehouse), rows)


def test_reading_is_narrowed_by_symbol_interval_and_window(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch())
    read = warehouse.read("binance", OHLCV, symbols=["ETHUSDT"], window=hours(3, 2))
    assert same_but_for_time(
        read,
        candles(
            3,
            2,
            symbols=["ETHUSDT"],
        )
        .set_column(4, OHLCV.arrow_schema().field("open"), pa.array([103.1, 104.1]))
        .set_column(5, OHLCV.arrow_schema().field("high"), pa.array([104.1, 105.1]))
        .set_column(6, OHLCV.arrow_schema().field("low"), pa.array([102.1, 103.1]))
        .set_column(7, OHLCV.arrow_schema().field("close"), pa.array([103.3, 104.3])),
    )
    assert warehouse.read("binance", OHLCV, interval="4h").num_rows == 0


def test_a_venue_that_never_stored_anything_reads_as_empty(warehouse: DuckLakeWarehouse) -> None:
    read = warehouse.read("kraken", OHLCV)
    assert read.num_rows == 0
    assert read.schema == OHLCV.arrow_schema()


def test_the_first_commit_of_a_new_venue_makes_its_tables(warehouse: DuckLakeWarehouse) -> None:
    batch = Batch("okx", OHLCV, "1h", "run-1", candles(venue="okx"))
    assert warehouse.commit(batch).inserted == ROWS
    assert warehouse.read("okx", OHLCV).num_rows == ROWS


def test_a_value_is_ingested_and_replaced_at_the_time_of_its_commit(
    warehouse: DuckLakeWarehouse,
) -> None:
    """Whatever the frame says: the time of reading is the venue's clock, and not ours."""
    before = datetime.now(UTC)
    warehouse.commit(candle_batch(0, 1))
    between = datetime.now(UTC)
    changed = candles(0, 1, symbols=["BTCUSDT"], volume=2.0, run_id="run-2")
    warehouse.commit(candle_batch(0, 1, rows=changed, series=(), run_id="run-2"))
    bitcoin, ether = stored(warehouse).to_pylist()
    [revision] = ask(warehouse, "FROM ops.revisions")
    assert before <= ether["ingestion_time"] <= between <= bitcoin["ingestion_time"]
    assert revision["old_ingestion_time"] == ether["ingestion_time"].replace(tzinfo=None)
    assert revision["revised_at"] == bitcoin["ingestion_time"].replace(tzinfo=None)


def test_committing_the_same_again_changes_nothing_at_all(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch())
    before = stored(warehouse)
    later = candles(run_id="run-2", ingestion_time=datetime(2026, 4, 1, tzinfo=UTC))
    again = warehouse.commit(candle_batch(rows=later, run_id="run-2"))
    assert again == Committed(unchanged=ROWS)
    # also who stored it, and when, stay as they were
    assert stored(warehouse).equals(before)
    assert len(ask(warehouse, "FROM ops.revisions")) == 0


def test_a_batch_may_be_new_in_part_and_known_in_part(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch(0, 10))
    rows = pa.concat_tables([candles(0, 10), candles(10, 5)])
    committed = warehouse.commit(candle_batch(0, 15, rows=rows))
    assert committed == Committed(inserted=10, unchanged=20)
    assert stored(warehouse).num_rows == 30


def test_a_correction_replaces_the_row_and_keeps_the_old_values(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(candle_batch())
    changed = candles(5, 1, symbols=["BTCUSDT"], volume=7.5, run_id="run-2")
    committed = warehouse.commit(candle_batch(5, 1, rows=changed, series=(), run_id="run-2"))
    assert committed == Committed(corrected=1)
    read = warehouse.read("binance", OHLCV, symbols=["BTCUSDT"], window=hours(5, 1))
    assert same_but_for_time(read, changed)
    assert stored(warehouse).num_rows == ROWS
    [revision] = ask(warehouse, "FROM ops.revisions")
    old, new = json.loads(revision["old_values"]), json.loads(revision["new_values"])
    assert set(old) == {*OHLCV.values, "source", "is_backfill"}
    assert (old["volume"], new["volume"]) == (1.0, 7.5)
    assert (old["open"], new["open"]) == (105.1, 100.1)
    assert old["taker_buy_volume"] is None
    assert revision["timestamp"] == at(5).replace(tzinfo=None)
    assert (revision["old_run_id"], revision["new_run_id"]) == ("run-1", "run-2")
    assert (revision["venue"], revision["dataset"]) == ("binance", "ohlcv")
    assert (revision["interval"], revision["symbol"]) == ("1h", "BTCUSDT")


def test_every_difference_is_a_correction(warehouse: DuckLakeWarehouse) -> None:
    def volumes(*values: float | None) -> Batch:
        each = [candles(i, 1, symbols=["S"], taker_buy_volume=v) for i, v in enumerate(values)]
        return candle_batch(rows=pa.concat_tables(each), series=())

    # a value appears, a value goes, the last bit of a float, and two that are the same
    warehouse.commit(volumes(None, 1.5, 0.1 + 0.2, None, 0.3))
    again = volumes(1.5, None, 0.3, None, 0.3)
    assert warehouse.commit(again) == Committed(corrected=3, unchanged=2)
    assert warehouse.commit(again) == Committed(unchanged=5)


def test_rows_that_contradict_each_other_are_refused_by_name(
    warehouse: DuckLakeWarehouse,
) -> None:
    rows = pa.concat_tables([candles(), candles(3, 1, symbols=["ETHUSDT"], volume=9.0)])
    with pytest.raises(ValueError, match=r"ohlcv: 2 rows with the key .*symbol=ETHUSDT"):
        warehouse.commit(candle_batch(rows=rows))
    assert stored(warehouse).num_rows == 0


def test_a_failed_transaction_leaves_nothing_behind_and_the_next_one_works(
    warehouse: DuckLakeWarehouse,
) -> None:
    rows = candles()
    column = rows.schema.get_field_index("close")
    holed = rows.set_column(column, "close", pa.array([None] * rows.num_rows, pa.float64()))
    with pytest.raises(Exception, match="NOT NULL"):
        warehouse.commit(candle_batch(rows=holed, requests=[request()]))
    assert stored(warehouse).num_rows == 0
    assert len(ask(warehouse, "FROM ops.requests")) == 0
    assert len(ask(warehouse, "FROM ops.coverage")) == 0
    assert warehouse.commit(candle_batch()).inserted == ROWS


def test_more_symbols_than_a_list_of_names_holds_are_compared_too(
    warehouse: DuckLakeWarehouse,
) -> None:
    symbols = [f"S{number:03}USDT" for number in range(150)]
    batch = candle_batch(0, 1, symbols=symbols)
    assert warehouse.commit(batch).inserted == 150
    assert warehouse.commit(batch).unchanged == 150


def test_funding_has_no_interval_and_is_stored_the_same_way(warehouse: DuckLakeWarehouse) -> None:
    row = {
        "timestamp": at(4),
        "symbol": "BTCUSDT",
        "venue": "binance",
        "funding_rate": 0.0001,
        "raw_timestamp": at(4),
        "ingestion_time": at(9),
        "source": "rest",
        "is_backfill": False,
        "run_id": "run-1",
    }
    assert warehouse.commit(batch_of(FUNDING_RATES, [row])).inserted == 1
    corrected = batch_of(FUNDING_RATES, [row | {"mark_price": 5.0}], "run-2")
    assert warehouse.commit(corrected).corrected == 1
    [read] = warehouse.read("binance", FUNDING_RATES, window=hours(0, 24)).to_pylist()
    assert read["mark_price"] == 5.0


def test_a_fill_is_known_by_its_own_identity_even_when_its_time_is_corrected(
    warehouse: DuckLakeWarehouse,
) -> None:
    fill = {
        "execution_id": "x-1",
        "timestamp": at(0),
        "symbol": "BTCUSDT",
        "venue": "binance",
        "side": "buy",
        "price": 1.0,
        "quantity": 2.0,
    }
    warehouse.commit(batch_of(TRADE_EXECUTIONS, [fill]))
    moved = batch_of(TRADE_EXECUTIONS, [fill | {"timestamp": at(900)}])
    assert warehouse.commit(moved) == Committed(corrected=1)
    [read] = warehouse.read("binance", TRADE_EXECUTIONS).to_pylist()
    assert read["timestamp"] == at(900)
    [revision] = ask(warehouse, "FROM ops.revisions")
    assert json.loads(revision["old_values"])["execution_id"] == "x-1"


def test_the_requests_behind_a_batch_are_kept_with_it_and_without_one(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(candle_batch(requests=[request(), request(1, status=429)]))
    warehouse.record_requests([request(2, outcome="timeout", status=0)])
    asked = ask(warehouse, "FROM ops.requests ORDER BY requested_at")
    assert [row["status"] for row in asked] == [200, 429, 0]
    assert asked[2]["outcome"] == "timeout"
    assert asked[0]["requested_at"] == at(0).replace(tzinfo=None)


def test_a_venue_name_cannot_smuggle_sql(warehouse: DuckLakeWarehouse) -> None:
    with pytest.raises(RequestInvalid, match="not a venue's name"):
        warehouse.read('x"; DROP TABLE raw.quarantine; --', OHLCV)


def test_text_with_quotes_is_only_text(warehouse: DuckLakeWarehouse) -> None:
    odd = "O'BRIEN"
    warehouse.commit(candle_batch(0, 1, symbols=[odd], run_id="it's"))
    warehouse.commit(candle_batch(0, 1, symbols=[odd], volume=2.0, run_id="it's"))
    window = Window(hours(0, 1).start, hours(0, 1).end)
    assert warehouse.covered("binance", OHLCV, "1h", [odd], window)[odd] == [window]
    assert warehouse.read("binance", OHLCV, symbols=[odd]).num_rows == 1
