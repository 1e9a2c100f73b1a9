"""Every statement leaves a row in ops.query_costs: what it is, who pays, what it would bill."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from warehouse_support import (
    START,
    SYMBOLS,
    Open,
    at,
    batch_of,
    candle_batch,
    candles,
    hours,
    request,
)

from market_assets.errors import QueryTooLarge
from market_assets.schemas.datasets import INSTRUMENTS, OHLCV
from market_assets.schemas.timeline import DAY_MS, Window
from market_assets.warehouse.contract import Batch, QuarantinedRow
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.estimate import MIB, TIB, Prices
from market_assets.warehouse.metering import charged_to
from market_assets.warehouse.statements import table_bytes

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
EXACT = Prices(6.25, 0)


def costs(warehouse: DuckLakeWarehouse) -> list[dict[str, Any]]:
    """What has been issued so far, in order, without the asking."""
    warehouse.settle_costs()
    with warehouse._session.asking("Testing") as cursor:
        rows: list[dict[str, Any]] = (
            cursor.execute("SELECT * FROM ops.query_costs ORDER BY issued_at")
            .to_arrow_table()
            .to_pylist()
        )
    return rows


def labels(warehouse: DuckLakeWarehouse) -> list[str]:
    return [row["label"] for row in costs(warehouse)]


# -- what each operation is ----------------------------------------------------------------------


def test_a_commit_is_a_free_load_and_a_merge_for_each_table_that_it_changes(
    warehouse: DuckLakeWarehouse,
):
    warehouse.commit(candle_batch())
    load, *merges = costs(warehouse)
    assert (load["label"], load["bytes_billed"], load["dollars"]) == ("load", 0, 0)
    # candles, coverage, gaps: each the target and the staged rows, at the minimum
    assert [row["bytes_billed"] for row in merges] == [20 * MIB] * 3
    for row in (load, *merges):
        assert row["asset"] == "raw.binance_ohlcv"
        assert row["run_id"] == "run-1"
        assert (row["engine"], row["is_estimate"]) == ("ducklake", True)
        assert row["dollars"] == pytest.approx(row["bytes_billed"] / TIB * 6.25)


def test_a_reject_costs_one_merge_more(warehouse: DuckLakeWarehouse):
    row = QuarantinedRow("BTCUSDT", at(0), ("high_below_low",), "{}")
    warehouse.commit(candle_batch(quarantined=[row]))
    assert labels(warehouse) == ["load", *["commit"] * 4]


def test_what_only_grows_is_loaded_for_nothing(warehouse: DuckLakeWarehouse):
    warehouse.record_requests([request()])
    warehouse.record_checks([])
    warehouse.record_repairs([])
    warehouse.record_builds([], "run")
    assert [(row["label"], row["dollars"]) for row in costs(warehouse)] == [("load", 0.0)] * 4


def test_every_question_leaves_a_row(warehouse: DuckLakeWarehouse):
    day = hours(0, 24)
    asked = ("binance", OHLCV, "1h", SYMBOLS, day)
    warehouse.covered(*asked)
    warehouse.gaps(*asked)
    warehouse.read("binance", OHLCV, interval="1h", window=day)
    warehouse.read_as_of("binance", OHLCV, datetime.now(UTC))
    warehouse.quarantined(limit=1)
    warehouse.accepted("binance", OHLCV)
    warehouse.accepted_keys("binance", OHLCV)
    warehouse.changes(LONG_AGO)
    warehouse.builds(LONG_AGO)
    warehouse.check_results(LONG_AGO)
    warehouse.missing()
    warehouse.repairs()
    warehouse.coverage_by_day(window=day)
    warehouse.query("SELECT count(*) FROM ops.gaps")
    warehouse.decide([])  # nothing is decided: nothing is asked
    assert labels(warehouse) == [
        "covered",
        "gaps",
        *["read"] * 2,
        *["quarantine"] * 3,
        *["changes"] * 2,
        "checks",
        *["missing"] * 2,
        "status",
        "query",
    ]


def test_a_question_that_failed_is_not_charged(warehouse: DuckLakeWarehouse):
    with pytest.raises(Exception, match="nothing_there"):
        warehouse.query("SELECT * FROM ops.nothing_there")
    with pytest.raises(ValueError, match="lack"):
        warehouse.commit(candle_batch(rows=candles().drop_columns(["close"])))
    assert costs(warehouse) == []


# -- how much ------------------------------------------------------------------------------------


@pytest.fixture
def exact(store: Path, opened: Open) -> DuckLakeWarehouse:
    """Without the minimum, so that the bytes themselves are seen."""
    return opened(store, prices=EXACT)


# timestamp, six prices and volumes, trades, two of takers, ingestion_time; a boolean; and the texts
# BTCUSDT, binance, 1h, sim, run-1 with two bytes more each
ROW_BYTES = 11 * 8 + 1 + (7 + 7 + 2 + 3 + 5) + 5 * 2


def one_day(day: int) -> Batch:
    """The 24 candles of a whole UTC day; START is noon."""
    return candle_batch(12 + 24 * day, 24, symbols=["BTCUSDT"], series=[])


def test_a_read_is_billed_for_whole_days_of_all_symbols(exact: DuckLakeWarehouse):
    for day in range(4):
        exact.commit(one_day(day))
    begin = 12 + 24  # the second day, and six hours of the third
    exact.read("binance", OHLCV, symbols=["NOTHERE"], window=hours(begin, 30))
    assert costs(exact)[-1]["bytes_processed"] == 48 * ROW_BYTES


def test_a_query_is_billed_for_the_columns_and_days_that_its_plan_reads(exact: DuckLakeWarehouse):
    for day in range(4):
        exact.commit(one_day(day))
    second = f"{at(12 + 24):%Y-%m-%d}"
    third = f"{at(12 + 48):%Y-%m-%d}"
    read = {
        f"SELECT max(close - open) FROM raw.binance_ohlcv WHERE timestamp >= '{second}'"
        f" AND timestamp < '{third}'": 24 * (8 + 8 + 8),
        "SELECT symbol, avg(close) FROM raw.binance_ohlcv GROUP BY 1 LIMIT 1": 96 * (9 + 8),
        f"SELECT close FROM raw.binance_ohlcv WHERE venue = 'okx' OR timestamp < '{second}'": 96
        * (8 + 9 + 8),
        # the engine fetches the rows that it found by another look into the table
        f"SELECT * FROM raw.binance_ohlcv WHERE timestamp < '{second}' ORDER BY close LIMIT 1": 24
        * ROW_BYTES,
        "SELECT 1": 0,
        "SELECT a.open FROM raw.binance_ohlcv a JOIN raw.binance_ohlcv b USING (timestamp)": 96
        * (8 + 8),
    }
    for sql in read:
        exact.query(sql)
    found = [row["bytes_processed"] for row in costs(exact) if row["label"] == "query"]
    assert found == list(read.values())


def test_a_count_is_billed_for_the_minimum_and_a_plan_alone_for_nothing(
    warehouse: DuckLakeWarehouse,
):
    warehouse.commit(candle_batch())
    costs(warehouse)
    warehouse.query("SELECT count(*) FROM raw.binance_ohlcv")
    warehouse.query("EXPLAIN SELECT * FROM raw.binance_ohlcv")
    [count] = [row for row in costs(warehouse) if row["label"] == "query"]
    assert count["bytes_billed"] == 10 * MIB


def test_staged_rows_are_counted_to_the_byte():
    """Two rows: 8 + 1 bytes and a text of 3 with two more; the second has neither text nor number.

    In UTF-8 the text é has two bytes.
    """
    rows = pa.table(
        {"n": pa.array([1.0, None]), "yes": [True, False], "text": pa.array(["aé", None])}
    )
    assert table_bytes(rows) == 8 + 2 * 1 + (3 + 2)


def test_a_commit_is_billed_for_the_days_that_it_touches_only(exact: DuckLakeWarehouse):
    for day in range(4):
        exact.commit(one_day(day))
    batch = one_day(1)
    exact.commit(batch)
    load, merge = costs(exact)[-2:]
    assert load["label"] == "load"
    # every column is compared or replaced, so that the day is scanned whole and rewritten whole
    assert merge["bytes_processed"] == 2 * 24 * ROW_BYTES + table_bytes(batch.rows)


# -- who pays ------------------------------------------------------------------------------------


def test_the_context_says_who_pays(warehouse: DuckLakeWarehouse):
    with charged_to(asset="marts.ohlcv", run_id="abc"):
        warehouse.missing()
        with charged_to(label="check"):
            warehouse.repairs()
    warehouse.repairs()
    told = [(row["label"], row["asset"], row["run_id"]) for row in costs(warehouse)]
    assert told == [
        ("missing", "marts.ohlcv", "abc"),
        ("check", "marts.ohlcv", "abc"),
        ("missing", "", ""),
    ]


def test_the_context_goes_with_the_work_into_threads(warehouse: DuckLakeWarehouse):
    async def work() -> None:
        with charged_to(label="watch"):
            await asyncio.to_thread(warehouse.missing)
        await asyncio.to_thread(warehouse.missing)

    asyncio.run(work())
    assert labels(warehouse) == ["watch", "missing"]


def test_an_error_inside_gives_the_payer_back(warehouse: DuckLakeWarehouse):
    with pytest.raises(KeyError), charged_to(label="watch"):
        raise KeyError
    warehouse.missing()
    assert labels(warehouse) == ["missing"]


# -- what may not be asked -----------------------------------------------------------------------


def test_a_query_that_would_bill_too_much_is_refused_before_it_runs(store: Path, opened: Open):
    narrow = opened(store, prices=Prices(maximum_bytes_billed=15 * MIB))
    narrow.commit(candle_batch())
    narrow.query("SELECT close FROM raw.binance_ohlcv")
    with pytest.raises(QueryTooLarge) as refused:
        narrow.query("SELECT * FROM raw.binance_ohlcv, raw.binance_funding_rates, ops.gaps")
    said = str(refused.value)
    assert "30 MB" in said
    assert "15 MB" in said
    assert "costs.maximum_bytes_billed" in said
    assert [row["label"] for row in costs(narrow)].count("query") == 1


# -- what was spent ------------------------------------------------------------------------------


def test_what_was_spent_counts_what_is_stored_and_what_is_not_yet_the_same(
    warehouse: DuckLakeWarehouse,
):
    warehouse.missing()
    [before] = warehouse.spent(LONG_AGO)
    warehouse.settle_costs()
    [asking, after] = warehouse.spent(LONG_AGO)
    assert after == before
    assert (asking.label, asking.statements) == ("costs", 1)
    warehouse.missing()
    [_, line] = warehouse.spent(LONG_AGO)
    assert (line.label, line.statements, line.bytes_billed) == ("missing", 2, 20 * MIB)
    assert line.dollars == pytest.approx(20 * MIB / TIB * 6.25)
    assert line.day == datetime.now(UTC).date()
    assert warehouse.spent(datetime.now(UTC) + timedelta(hours=1)) == []


def test_who_may_only_read_leaves_rows_too(store: Path, opened: Open):
    reader = opened(store, read_only=True)
    reader.missing()
    [line] = reader.spent(LONG_AGO)
    assert line.label == "missing"
    assert labels(opened(store)) == ["missing", "costs"]


def test_rows_past_retention_go_with_the_data(warehouse: DuckLakeWarehouse):
    warehouse.missing()
    warehouse.settle_costs()
    with warehouse._session.locked("Testing"):
        warehouse._session.retrying(
            "Testing",
            lambda c: c.execute(
                "UPDATE ops.query_costs SET issued_at = issued_at - INTERVAL 800 DAY"
            ),
        )
    warehouse.maintain(retention_days=730)
    assert [line.label for line in warehouse.spent(LONG_AGO)] == ["keeping"]


def test_instruments_have_no_days_and_are_read_whole(exact: DuckLakeWarehouse):
    listed = {
        column.name: {"timestamp": at(0), "float": 1.0, "integer": 1, "boolean": False}.get(
            column.kind, "x"
        )
        for column in INSTRUMENTS.columns
    } | {"venue": "binance", "valid_to": None, "source": "sim"}
    exact.commit(batch_of(INSTRUMENTS, [listed]))
    costs(exact)
    exact.read("binance", INSTRUMENTS, window=Window(START - DAY_MS, START))
    assert costs(exact)[-1]["bytes_processed"] > 0
