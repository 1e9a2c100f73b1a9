"""Binance and Aster over HTTP: bounds, order, limits, errors and the candle in progress."""

from __future__ import annotations

from typing import Any

import pytest

HOUR = 3_600_000
MARCH = 1_772_323_200_000  # 2026-03-01T00:00Z
NOW = 1_772_368_496_000  # 2026-03-01T12:34:56Z
BOTH = pytest.mark.parametrize("path", ["/binance/fapi/v1", "/aster/fapi/v3", "/aster/fapi/v1"])


def klines(calm: Any, path: str, **params: Any) -> Any:
    return calm.json(f"{path}/klines", **{"symbol": "BTCUSDT", "interval": "1h", **params})


@BOTH
def test_both_bounds_are_included_and_rows_ascend(calm: Any, path: str) -> None:
    rows = klines(calm, path, startTime=MARCH, endTime=MARCH + 3 * HOUR)
    assert [row[0] for row in rows] == [MARCH + place * HOUR for place in range(4)]
    assert all(len(row) == 12 and row[6] == row[0] + HOUR - 1 for row in rows)


@BOTH
def test_a_bound_between_two_openings_starts_with_the_next(calm: Any, path: str) -> None:
    rows = klines(calm, path, startTime=MARCH + 1, endTime=MARCH + HOUR)
    assert [row[0] for row in rows] == [MARCH + HOUR]


def test_without_bounds_the_latest_500_come_and_the_last_one_is_still_open(calm: Any) -> None:
    rows = klines(calm, "/binance/fapi/v1")
    assert len(rows) == 500
    assert rows[-1][0] == MARCH + 12 * HOUR
    assert rows[-1][6] >= NOW
    assert rows[-2][6] < NOW


def test_only_a_start_goes_forward_and_only_an_end_goes_back(calm: Any) -> None:
    path = "/binance/fapi/v1"
    start = MARCH - 100 * HOUR
    forward = klines(calm, path, startTime=start, limit=3)
    assert [row[0] for row in forward] == [start, start + HOUR, start + 2 * HOUR]
    back = klines(calm, path, endTime=start, limit=3)
    assert [row[0] for row in back] == [start - 2 * HOUR, start - HOUR, start]


def test_too_many_rows_between_bounds_are_cut_at_the_end(calm: Any) -> None:
    rows = klines(calm, "/aster/fapi/v3", startTime=MARCH, endTime=MARCH + 9 * HOUR, limit=2)
    assert [row[0] for row in rows] == [MARCH, MARCH + HOUR]


def test_from_the_beginning_of_time_the_first_row_is_the_listing(calm: Any) -> None:
    rows = klines(calm, "/binance/fapi/v1", startTime=0, limit=1, interval="1d")
    assert rows[0][0] == 1_575_158_400_000  # 2019-12-01


def test_nothing_is_known_of_the_future(calm: Any) -> None:
    assert klines(calm, "/binance/fapi/v1", startTime=NOW + HOUR) == []


def test_the_open_candle_grows_until_it_is_the_closed_one(start: Any) -> None:
    asker = start()
    volumes = []
    for minute in (0, 1, 30, 59, 60):
        asker.simulator.control(clock={"now": MARCH + minute * 60_000})
        row = klines(asker, "/binance/fapi/v1", startTime=MARCH, limit=1)[0]
        assert float(row[3]) <= float(row[4]) <= float(row[2])
        volumes.append(float(row[5]))
    assert volumes == sorted(volumes)
    assert volumes[0] == 0.0
    truth = asker.simulator.truth(
        "binance/ohlcv", symbol="BTCUSDT", interval="1h", start=MARCH, end=MARCH + HOUR
    )
    assert truth[0]["volume"] == volumes[-1]


def test_the_wire_says_exactly_what_is_true(calm: Any) -> None:
    window = {"start": MARCH - 50 * HOUR, "end": MARCH}
    for venue, path in (("binance", "/binance/fapi/v1"), ("aster", "/aster/fapi/v3")):
        for symbol in ("BTCUSDT", "1000PEPEUSDT", "UNIUSDT"):
            rows = klines(
                calm, path, symbol=symbol, startTime=window["start"], endTime=window["end"] - 1
            )
            truth = calm.simulator.truth(f"{venue}/ohlcv", symbol=symbol, interval="1h", **window)
            assert len(truth) == 50
            for row, item in zip(rows, truth, strict=True):
                assert row[0] == item["timestamp"]
                assert [float(row[place]) for place in (1, 2, 3, 4, 5, 7, 8, 9, 10)] == [
                    item["open"], item["high"], item["low"], item["close"], item["volume"],
                    item["quote_volume"], item["num_trades"], item["taker_buy_volume"],
                    item["taker_buy_quote_volume"],
                ]  # fmt: skip


@BOTH
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "NOSUCHUSDT"}, -1121),
        ({"symbol": "BTC USDT"}, -1100),
        ({"symbol": ""}, -1102),
        ({"interval": "7m"}, -1120),
        ({"interval": "1H"}, -1120),
        ({"limit": 1501}, -1130),
        ({"limit": 0}, -1130),
        ({"limit": "many"}, -1100),
        ({"startTime": ""}, -1105),
        ({"startTime": 2, "endTime": 1}, -1023),
    ],
)
def test_a_wrong_parameter_is_named_by_its_code(
    calm: Any, path: str, change: dict[str, Any], code: int
) -> None:
    answer = calm.get(f"{path}/klines", **{"symbol": "BTCUSDT", "interval": "1h", **change})
    assert answer.status_code == 400
    assert answer.json()["code"] == code


def test_a_missing_symbol_is_a_missing_mandatory_parameter(calm: Any) -> None:
    answer = calm.get("/binance/fapi/v1/klines", interval="1h")
    assert (answer.status_code, answer.json()["code"]) == (400, -1102)


def test_funding_is_late_by_up_to_20_ms_on_binance_and_punctual_on_aster(calm: Any) -> None:
    rows = calm.json("/binance/fapi/v1/fundingRate", symbol="BTCUSDT", limit=1000)
    late = {row["fundingTime"] % (8 * HOUR) for row in rows}
    assert max(late) <= 20
    assert len(late) > 5
    assert set(rows[0]) == {"symbol", "fundingRate", "fundingTime", "markPrice", "rateType"}
    rows = calm.json("/aster/fapi/v3/fundingRate", symbol="BTCUSDT", limit=1000)
    assert {row["fundingTime"] % (8 * HOUR) for row in rows} == {0}
    assert set(rows[0]) == {"symbol", "fundingRate", "fundingTime"}


def test_funding_pages_have_their_defaults_and_maximum(calm: Any) -> None:
    path = "/binance/fapi/v1/fundingRate"
    assert len(calm.json(path, symbol="BTCUSDT")) == 200
    assert len(calm.json(path, symbol="BTCUSDT", startTime=0)) == 100
    assert len(calm.json("/aster/fapi/v3/fundingRate", symbol="BTCUSDT")) == 100
    assert calm.json(path, symbol="BTCUSDT", limit=1001)["code"] == -1130
    first = calm.json(path, symbol="BTCUSDT", startTime=0, limit=1)[0]
    assert first["fundingTime"] // HOUR == 1_575_158_400_000 // HOUR + 8
    assert first["markPrice"] == ""


def test_funding_bounds_are_included(calm: Any) -> None:
    path = "/binance/fapi/v1/fundingRate"
    rows = calm.json(path, symbol="BTCUSDT", limit=3)
    again = calm.json(
        path, symbol="BTCUSDT",
        startTime=rows[0]["fundingTime"], endTime=rows[2]["fundingTime"],
    )  # fmt: skip
    assert again == rows


def test_funding_is_what_truth_says_and_within_its_caps(calm: Any) -> None:
    window = {"start": MARCH - 720 * HOUR, "end": MARCH}
    for symbol, cap in (("BTCUSDT", 0.02), ("FASTUSDT", 0.003)):
        rows = calm.json(
            "/binance/fapi/v1/fundingRate", symbol=symbol,
            startTime=window["start"], endTime=window["end"] - 1000, limit=1000,
        )  # fmt: skip
        truth = calm.simulator.truth("binance/funding", symbol=symbol, **window)
        assert [float(row["fundingRate"]) for row in rows] == [
            item["funding_rate"] for item in truth
        ]
        assert [row["fundingTime"] for row in rows] == [item["raw_timestamp"] for item in truth]
        assert all(item["timestamp"] % HOUR == 0 for item in truth)
        assert max(abs(item["funding_rate"]) for item in truth) <= cap


def test_funding_info_lists_adjusted_symbols_on_binance_and_all_of_them_on_aster(
    calm: Any,
) -> None:
    adjusted = calm.json("/binance/fapi/v1/fundingInfo")
    assert {row["symbol"] for row in adjusted} == {"1000PEPEUSDT", "FASTUSDT"}
    assert adjusted[0]["adjustedFundingRateCap"] == "0.02000000"
    everything = calm.json("/aster/fapi/v3/fundingInfo")
    assert len(everything) == 9
    assert everything[0]["fundingFeeCap"] == 0.02


def test_the_premium_index_predicts_the_next_funding(calm: Any) -> None:
    row = calm.json("/binance/fapi/v1/premiumIndex", symbol="BTCUSDT")
    assert row["nextFundingTime"] == MARCH + 16 * HOUR
    assert abs(float(row["lastFundingRate"])) <= 0.02
    assert float(row["markPrice"]) == pytest.approx(float(row["indexPrice"]), rel=0.01)
    assert len(calm.json("/binance/fapi/v1/premiumIndex")) == 9


def test_exchange_info_carries_tick_lot_and_time(calm: Any) -> None:
    info = calm.json("/binance/fapi/v1/exchangeInfo")
    assert info["serverTime"] == NOW
    rows = {row["symbol"]: row for row in info["symbols"]}
    filters = {item["filterType"]: item for item in rows["BTCUSDT"]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.1"
    assert filters["LOT_SIZE"]["stepSize"] == "0.001"
    assert rows["1000PEPEUSDT"]["baseAsset"] == "1000PEPE"
    aster = calm.json("/aster/fapi/v3/exchangeInfo")["symbols"][0]
    assert "OrderType" in aster
    assert "orderTypes" not in aster


@pytest.mark.parametrize(
    ("limit", "cost"), [(99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (None, 5)]
)
def test_candles_cost_what_the_table_says(start: Any, limit: int | None, cost: int) -> None:
    asker = start(limits={"enforce": False, "window_seconds": 100_000_000})
    for path in ("/binance/fapi/v1", "/aster/fapi/v3"):
        params = {} if limit is None else {"limit": limit}
        klines(asker, path, **params)
        assert asker.get(f"{path}/time").headers["x-mbx-used-weight-1m"] == str(cost + 1)


def test_the_premium_index_of_all_costs_ten_on_binance_only(start: Any) -> None:
    asker = start(limits={"enforce": False, "window_seconds": 100_000_000})
    for path, cost in (("/binance/fapi/v1", "10"), ("/aster/fapi/v3", "1")):
        answer = asker.get(f"{path}/premiumIndex")
        assert answer.headers["x-mbx-used-weight-1m"] == cost
