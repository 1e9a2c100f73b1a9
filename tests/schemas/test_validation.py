"""The row rules: what each one rejects, that nothing is lost, and that pandera agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandera.pandas as pandera
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_assets.quality.schema_check import schema_failures
from market_assets.schemas.datasets import (
    DATASETS,
    FUNDING_RATES,
    INSTRUMENTS,
    OHLCV,
    TRADE_EXECUTIONS,
    Dataset,
)
from market_assets.schemas.frames import pandera_schema
from market_assets.schemas.rules import FUNDING_CEILING
from market_assets.schemas.validation import validate

START = datetime(2026, 1, 1, tzinfo=UTC)
PROVENANCE = {"ingestion_time": START, "source": "rest", "is_backfill": False, "run_id": "r"}


def candle(**changes: Any) -> dict[str, Any]:
    return {
        "timestamp": START,
        "symbol": "BTCUSDT",
        "venue": "binance",
        "interval": "1h",
        "open": 100.0,
        "high": 110.0,
        "low": 90.0,
        "close": 105.0,
        "volume": 10.0,
        "quote_volume": 1000.0,
        "num_trades": 5,
        "taker_buy_volume": 4.0,
        "taker_buy_quote_volume": 400.0,
        **PROVENANCE,
        **changes,
    }


def funding(**changes: Any) -> dict[str, Any]:
    return {
        "timestamp": START,
        "symbol": "BTCUSDT",
        "venue": "binance",
        "funding_rate": 0.0001,
        "predicted_rate": None,
        "raw_timestamp": START + timedelta(milliseconds=7),
        "interval_hours": 8.0,
        "mark_price": None,
        **PROVENANCE,
        **changes,
    }


def instrument(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "venue": "okx",
        "native_symbol": "BTC-USDT-SWAP",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "contract_size": 0.01,
        "tick_size": 0.1,
        "lot_size": 0.0001,
        "status": "trading",
        "listed_at": START,
        "delisted_at": None,
        "funding_interval_hours": 8.0,
        "funding_cap": None,
        "funding_floor": None,
        "valid_from": START,
        "valid_to": None,
        **PROVENANCE,
        **changes,
    }


def execution(**changes: Any) -> dict[str, Any]:
    return {
        "execution_id": "e1",
        "timestamp": START,
        "symbol": "BTCUSDT",
        "venue": "okx",
        "side": "buy",
        "price": 100.0,
        "quantity": 1.0,
        "fee": None,
        "strategy_id": None,
        "pnl": None,
        "metadata": None,
        **changes,
    }


def table(dataset: Dataset, *rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=dataset.arrow_schema())


BROKEN = [
    (OHLCV, candle(high=104.0), "high_too_low"),
    (OHLCV, candle(high=80.0, low=70.0), "high_too_low"),
    (OHLCV, candle(low=101.0), "low_too_high"),
    (OHLCV, candle(open=0.0, low=0.0), "price_not_positive"),
    (OHLCV, candle(low=-1.0), "price_not_positive"),
    (OHLCV, candle(volume=-1.0), "negative_volume"),
    (OHLCV, candle(quote_volume=-1.0), "negative_volume"),
    (OHLCV, candle(num_trades=-1), "negative_trades"),
    (OHLCV, candle(taker_buy_volume=-1.0), "negative_taker_buy"),
    (OHLCV, candle(taker_buy_volume=10.1), "taker_buy_exceeds_volume"),
    (OHLCV, candle(taker_buy_quote_volume=1001.0), "taker_buy_quote_exceeds_volume"),
    (OHLCV, candle(timestamp=START + timedelta(minutes=1)), "off_grid"),
    (OHLCV, candle(interval="7h"), "off_grid"),
    (OHLCV, candle(close=float("inf"), high=float("inf")), "not_finite"),
    (OHLCV, candle(volume=None), "null_value"),
    (OHLCV, candle(symbol="btc-usdt"), "bad_symbol"),
    (FUNDING_RATES, funding(funding_rate=FUNDING_CEILING * 1.01), "funding_outside_cap"),
    (FUNDING_RATES, funding(funding_rate=-FUNDING_CEILING * 1.01), "funding_outside_cap"),
    (FUNDING_RATES, funding(timestamp=START + timedelta(seconds=1)), "off_grid"),
    (FUNDING_RATES, funding(raw_timestamp=START + timedelta(minutes=2)), "off_grid"),
    (FUNDING_RATES, funding(interval_hours=0.0), "interval_not_positive"),
    (FUNDING_RATES, funding(funding_rate=float("nan")), "not_finite"),
    (INSTRUMENTS, instrument(contract_size=0.0), "size_not_positive"),
    (INSTRUMENTS, instrument(status="sleeping"), "unknown_status"),
    (INSTRUMENTS, instrument(delisted_at=START - timedelta(1)), "delisted_before_listed"),
    (TRADE_EXECUTIONS, execution(side="hold"), "unknown_side"),
    (TRADE_EXECUTIONS, execution(quantity=0.0), "size_not_positive"),
]


@pytest.mark.parametrize(("dataset", "row", "reason"), BROKEN, ids=[b[2] for b in BROKEN])
def test_a_row_that_breaks_a_rule_is_rejected_by_the_rules_name(
    dataset: Dataset, row: dict[str, Any], reason: str
):
    result = validate(dataset, table(dataset, row))
    assert result.good.num_rows == 0
    assert reason in result.bad[0].reasons


@pytest.mark.parametrize(
    ("dataset", "row"),
    [
        (OHLCV, candle()),
        (OHLCV, candle(num_trades=None, taker_buy_volume=None, taker_buy_quote_volume=None)),
        (OHLCV, candle(open=5.0, high=5.0, low=5.0, close=5.0, volume=0.0, quote_volume=0.0,
                       num_trades=0, taker_buy_volume=0.0, taker_buy_quote_volume=0.0)),
        (FUNDING_RATES, funding()),
        (FUNDING_RATES, funding(interval_hours=None)),
        (INSTRUMENTS, instrument()),
        (TRADE_EXECUTIONS, execution()),
    ],
)  # fmt: skip
def test_a_row_that_obeys_every_rule_is_good(dataset: Dataset, row: dict[str, Any]):
    assert validate(dataset, table(dataset, row)).bad == ()


def test_every_rule_of_every_dataset_has_a_row_here_that_breaks_it():
    untested = {
        (dataset.name, rule.code)
        for dataset in DATASETS.values()
        for rule in dataset.rules
        if not any(d is dataset and reason == rule.code for d, _, reason in BROKEN)
    }
    shared = {code for _, code in untested} <= {"bad_symbol", "not_finite"}
    assert shared, untested


def test_all_reasons_of_a_row_come_at_once():
    result = validate(OHLCV, table(OHLCV, candle(high=80.0, volume=-1.0)))
    assert {"high_too_low", "negative_volume"} <= set(result.bad[0].reasons)


def test_a_repeated_row_is_kept_once_and_its_copies_are_set_aside():
    result = validate(OHLCV, table(OHLCV, candle(), candle(), candle()))
    assert result.good.num_rows == 1
    assert [row.reasons for row in result.bad] == [("duplicate_key",)] * 2


def test_rows_that_contradict_each_other_are_all_set_aside():
    result = validate(OHLCV, table(OHLCV, candle(), candle(close=104.0)))
    assert result.good.num_rows == 0
    assert result.reason_counts() == {"duplicate_key": 2}


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
rows = st.builds(
    candle,
    timestamp=st.integers(0, 5).map(lambda n: START + timedelta(minutes=30 * n)),
    open=numbers,
    high=numbers,
    low=numbers,
    close=numbers,
    volume=numbers,
    taker_buy_volume=st.none() | numbers,
    symbol=st.sampled_from(["BTCUSDT", "eth", ""]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows, max_size=8))
def test_no_row_is_lost_and_the_good_ones_obey_every_rule(made: list[dict[str, Any]]):
    given_table = table(OHLCV, *made)
    result = validate(OHLCV, given_table)
    assert result.good.num_rows + len(result.bad) == given_table.num_rows
    assert validate(OHLCV, result.good).bad == ()


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows, min_size=1, max_size=6))
def test_pandera_and_the_fast_validator_give_the_same_verdict(made: list[dict[str, Any]]):
    """So that the check of stored rows may ask the fast one first."""
    given_table = table(OHLCV, *made)
    ours = validate(OHLCV, given_table)
    try:
        pandera_schema(OHLCV).validate(given_table.to_pandas(), lazy=True)
    except pandera.errors.SchemaErrors:
        assert ours.bad, "pandera is asked, and says what"
    else:
        assert not ours.bad
        assert not schema_failures(OHLCV, given_table).rows


@pytest.mark.parametrize(
    ("dataset", "column"),
    [(OHLCV, "close"), (OHLCV, "volume"), (FUNDING_RATES, "funding_rate")],
)
def test_a_stored_number_that_is_none_breaks_the_schema(dataset: Dataset, column: str):
    row = candle() if dataset is OHLCV else funding()
    assert not schema_failures(dataset, table(dataset, row)).rows
    assert schema_failures(dataset, table(dataset, row | {column: float("nan")})).rows == 1


def test_a_column_that_is_missing_or_of_another_type_breaks_the_schema():
    given_table = table(OHLCV, candle())
    without = schema_failures(OHLCV, given_table.drop_columns(["volume"]))
    assert "column_in_dataframe" in without.reasons
    at = given_table.column_names.index("high")
    texts = given_table.set_column(at, "high", pa.array(["high"]))
    assert schema_failures(OHLCV, texts).rows
