"""Documented payloads become canonical rows: units, order, times, and the traps of each venue."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, to_ms
from market_assets.venues.contract import Instrument, Venue
from market_assets.venues.registry import VENUES

PAYLOADS = Path(__file__).parent / "payloads"
BINANCE, OKX, ASTER = VENUES["binance"], VENUES["okx"], VENUES["aster"]
BYBIT = VENUES["bybit"]


def payload(venue: str, name: str) -> Any:
    return json.loads((PAYLOADS / venue / f"{name}.json").read_text())


def btc(venue: Venue) -> Instrument:
    native = "BTC-USDT-SWAP" if venue is OKX else "BTCUSDT"
    return Instrument(
        venue.name, "BTCUSDT", native, "BTC", "USDT", "USDT", 1.0, 0.1, 0.001, "trading", 0
    )


def test_every_venue_has_payloads_and_every_folder_of_payloads_is_a_venue():
    assert {path.name for path in PAYLOADS.iterdir() if path.is_dir()} == set(VENUES)


@pytest.mark.parametrize("venue", [BINANCE, ASTER])
def test_a_kline_is_read_by_its_documented_positions(venue: Venue):
    (row,) = venue.parse_candles(payload(venue.name, "klines")).table.to_pylist()
    assert row == {
        "timestamp": datetime(2017, 7, 3, tzinfo=UTC),
        "open": 0.0163479,
        "high": 0.8,
        "low": 0.015758,
        "close": 0.015771,
        "volume": 148976.11427815,
        "quote_volume": 2434.19055334,
        "num_trades": 308,
        "taker_buy_volume": 1756.87402397,
        "taker_buy_quote_volume": 28.46694368,
    }


def test_okx_candles_come_in_ascending_order_in_base_units_and_without_the_open_one():
    rows = OKX.parse_candles(payload("okx", "history-candles")).table.to_pylist()
    assert [row["volume"] for row in rows] == [25.5, 22698348.04828491]
    assert [row["quote_volume"] for row in rows] == [95.5, 12698348.04828491]
    assert rows[0]["timestamp"] < rows[1]["timestamp"]
    assert rows[0]["num_trades"] is None


def test_binance_special_funding_is_left_out_and_an_empty_mark_price_is_null():
    rows = BINANCE.parse_funding(payload("binance", "fundingRate")).table.to_pylist()
    assert [row["funding_rate"] for row in rows] == [-0.0375, 0.0001]
    assert [row["mark_price"] for row in rows] == [34287.54619963, None]
    assert rows[0]["raw_timestamp"].microsecond == 5000, "the jitter is kept"


def test_okx_settled_rate_is_the_realised_one_and_the_other_is_the_prediction():
    rows = OKX.parse_funding(payload("okx", "funding-rate-history")).table.to_pylist()
    assert [(row["funding_rate"], row["predicted_rate"]) for row in rows] == [
        (0.0000746572360545, 0.0000746604960499),
        (0.00009, 0.0001),
    ]


def test_aster_funding_has_neither_mark_price_nor_rate_type():
    (row,) = ASTER.parse_funding(payload("aster", "fundingRate")).table.to_pylist()
    assert (row["funding_rate"], row["mark_price"]) == (-0.0375, None)


def test_binance_instruments_are_the_perpetuals_with_their_adjusted_funding_terms():
    blz, old = BINANCE.parse_instruments(
        [payload("binance", "exchangeInfo"), payload("binance", "fundingInfo")]
    )
    assert (blz.symbol, blz.tick_size, blz.lot_size, blz.contract_size) == ("BLZUSDT", 1e-4, 1, 1)
    assert (blz.status, blz.delisted_at, blz.funding_interval_hours) == ("trading", None, 8)
    assert (old.status, old.delisted_at) == ("settling", 1_700_000_000_000)
    assert (old.funding_interval_hours, old.funding_cap, old.funding_floor) == (4, 0.025, -0.025)


def test_aster_funding_terms_are_told_for_every_symbol_as_numbers():
    blz, old = ASTER.parse_instruments(
        [payload("aster", "exchangeInfo"), payload("aster", "fundingInfo")]
    )
    assert (blz.funding_interval_hours, blz.funding_cap) == (8, 0.03)
    assert old.funding_interval_hours is None, "a symbol it leaves out has terms we don't know"


def test_okx_sizes_are_converted_from_contracts_and_other_products_left_out():
    (swap,) = OKX.parse_instruments(
        [payload("okx", "instruments"), payload("okx", "funding-rate-any")]
    )
    assert (swap.symbol, swap.native_symbol) == ("BTCUSDT", "BTC-USDT-SWAP")
    assert (swap.contract_size, swap.lot_size) == (0.01, 0.0001)
    assert (swap.funding_interval_hours, swap.funding_cap) == (8.0, 0.00375)


def test_predicted_funding_names_the_settlement_it_is_for():
    prediction = BINANCE.parse_prediction(payload("binance", "premiumIndex"), btc(BINANCE))
    assert (prediction.predicted_rate, prediction.next_funding_at) == (0.00038246, 1597392000000)
    prediction = OKX.parse_prediction(payload("okx", "funding-rate-any"), btc(OKX))
    assert (prediction.predicted_rate, prediction.next_funding_at) == (
        0.0000182221218054,
        1743609600000,
    )


def test_an_okx_error_under_http_200_is_an_error():
    assert OKX.judge(200, payload("okx", "error-under-200")).kind == "symbol_unknown"
    assert OKX.judge(200, {"code": "50011", "msg": "Too Many Requests"}).kind == "throttled"
    assert OKX.judge(200, {"code": "50026", "msg": "System error"}).kind == "unavailable"
    assert OKX.judge(200, {"code": "0"}).kind == "unavailable", "no data is no answer"


def test_bybit_rows_are_read_in_ascending_order_and_by_their_documented_places():
    rows = BYBIT.parse_candles(payload("bybit", "kline")).table.to_pylist()
    assert [row["timestamp"].hour for row in rows] == [17, 18]
    read = [rows[1][name] for name in ("open", "close", "volume", "quote_volume", "num_trades")]
    assert read == [17071, 17055.5, 268.611, 4584063.1725, None]
    settled = BYBIT.parse_funding(payload("bybit", "funding-history")).table.to_pylist()
    assert [row["funding_rate"] for row in settled] == [-0.000025, 0.0001]
    prediction = BYBIT.parse_prediction(payload("bybit", "tickers"), btc(BYBIT))
    assert (prediction.predicted_rate, prediction.next_funding_at) == (-0.001034, 1672387200000)


def test_bybit_instruments_are_the_perpetuals_and_what_trades_wins_over_what_was_closed():
    names = ("instruments-info", "instruments-info-closed")
    found = {i.symbol: i for i in BYBIT.parse_instruments([payload("bybit", n) for n in names])}
    assert set(found) == {"BTCUSDT", "BTCUSDC", "OLDUSDT"}
    coin, old = found["BTCUSDT"], found["OLDUSDT"]
    assert (coin.status, coin.delisted_at, coin.funding_interval_hours) == ("trading", None, 8)
    assert (coin.tick_size, coin.funding_cap) == (0.1, 0.00375)
    assert (old.status, old.delisted_at) == ("delisted", 1_700_000_000_000)
    assert found["BTCUSDC"].native_symbol == "BTCPERP"


def test_a_bybit_error_under_http_200_is_an_error():
    codes = {10006: "throttled", 10016: "unavailable", 10024: "geo_blocked", 10001: "refused"}
    judged = {code: BYBIT.judge(200, {"retCode": code, "retMsg": "Oh"}).kind for code in codes}
    assert judged == codes
    assert BYBIT.judge(200, {"retCode": 0}).kind == "unavailable", "no result is no answer"
    assert BYBIT.judge(200, payload("bybit", "error-under-200")).kind == "symbol_unknown"


def test_binance_error_codes_say_what_to_do():
    judge = BINANCE.judge
    assert judge(400, {"code": -1121, "msg": "Invalid symbol."}).kind == "symbol_unknown"
    assert judge(400, {"code": -1130, "msg": "bad limit"}).kind == "refused"
    assert judge(500, {"code": -1001, "msg": "Internal error"}).kind == "unavailable"
    banned = judge(418, {"code": -1003, "msg": "Way too many; IP banned until 1700000000000."})
    assert (banned.kind, banned.until) == ("throttled", 1_700_000_000_000)
    assert judge(200, []).kind == "ok"


def test_pages_cost_the_least_weight_for_their_rows():
    window = Window(0, 499 * HOUR_MS)
    call = BINANCE.candles_call(btc(BINANCE), "1h", window, 10**13)
    assert (call.params["limit"], call.weight) == (499, 2)
    assert BINANCE.candles_call(btc(BINANCE), "1h", Window(0, HOUR_MS), 10**13).weight == 1


def test_okx_asks_between_exclusive_cursors_and_for_utc_days():
    window = Window(to_ms(datetime(2026, 1, 1)), to_ms(datetime(2026, 1, 3)))
    call = OKX.candles_call(btc(OKX), "1d", window, window.end + 5000 * DAY_MS)
    assert call.params["bar"] == "1Dutc"
    assert (call.params["before"], call.params["after"]) == (window.start - 1, window.end)
    assert call.path.endswith("history-candles")


def test_okx_recent_candles_are_asked_where_the_budget_is_larger():
    now = to_ms(datetime(2026, 1, 3))
    recent = OKX.candles_call(btc(OKX), "1h", Window(now - HOUR_MS, now), now)
    older = OKX.candles_call(btc(OKX), "1h", Window(now - 1500 * HOUR_MS, now), now)
    assert recent.path.endswith("/candles")
    assert older.path.endswith("/history-candles")


@pytest.mark.parametrize(
    "row", [["x"], None, {"a": 1}, [1499040000000, "", "1", "1", "1", "1", 0, "1", 1, "1", "1"]]
)
def test_a_row_that_can_not_be_read_is_set_aside_and_the_others_are_kept(row: Any):
    good = payload("binance", "klines")[0]
    rows = BINANCE.parse_candles([good, row, good])
    assert rows.table.num_rows == 2
    assert len(rows.malformed) == 1
    assert json.loads(rows.malformed[0].payload) == row


def test_a_word_that_python_reads_as_a_number_is_none():
    told = payload("okx", "funding-rate-history")
    told["data"][0]["fundingRate"] = "NaN"
    rows = OKX.parse_funding(told)
    assert rows.table.num_rows == 1
    assert "predicted_rate is not a finite number" in rows.malformed[0].problem
