"""OKX over HTTP: newest first, exclusive cursors, contracts, Hong Kong days, codes under 200."""

from __future__ import annotations

from typing import Any

import pytest

HOUR = 3_600_000
MARCH = 1_772_323_200_000  # 2026-03-01T00:00Z
RECENT = "/okx/api/v5/market/candles"
HISTORY = "/okx/api/v5/market/history-candles"


def rows(calm: Any, path: str, **params: Any) -> list[list[str]]:
    answer = calm.json(path, **{"instId": "BTC-USDT-SWAP", "bar": "1H", **params})
    assert answer["code"] == "0", answer
    found: list[list[str]] = answer["data"]
    return found


def openings(found: list[list[str]]) -> list[int]:
    return [(int(row[0]) - MARCH) // HOUR for row in found]


def test_rows_come_newest_first_and_the_open_one_is_not_confirmed(calm: Any) -> None:
    found = rows(calm, RECENT, limit=3)
    assert openings(found) == [12, 11, 10]
    assert [row[8] for row in found] == ["0", "1", "1"]


def test_the_history_has_only_complete_candles(calm: Any) -> None:
    found = rows(calm, HISTORY, limit=3)
    assert openings(found) == [11, 10, 9]
    assert {row[8] for row in found} == {"1"}


def test_cursors_exclude_what_they_name(calm: Any) -> None:
    found = rows(calm, HISTORY, after=MARCH + 5 * HOUR, before=MARCH + 2 * HOUR)
    assert openings(found) == [4, 3]


def test_before_alone_returns_the_newest_not_the_next(calm: Any) -> None:
    found = rows(calm, HISTORY, before=MARCH - 500 * HOUR, limit=2)
    assert openings(found) == [11, 10]


def test_100_rows_are_the_default_and_300_the_maximum(calm: Any) -> None:
    assert len(rows(calm, HISTORY)) == 100
    assert len(rows(calm, HISTORY, limit=300)) == 300
    assert calm.json(HISTORY, instId="BTC-USDT-SWAP", limit=301)["code"] == "51000"


def test_recent_candles_end_at_1440_bars_and_history_goes_on(calm: Any) -> None:
    edge = MARCH + (12 - 1439) * HOUR
    assert openings(rows(calm, RECENT, after=edge + HOUR)) == [12 - 1439]
    assert rows(calm, RECENT, after=edge) == []
    assert len(rows(calm, HISTORY, after=edge, limit=10)) == 10


def test_a_day_begins_at_16_utc_unless_utc_is_asked_for(calm: Any) -> None:
    hong_kong = rows(calm, RECENT, bar="1D", limit=2)
    assert [int(row[0]) % (24 * HOUR) for row in hong_kong] == [16 * HOUR] * 2
    utc = rows(calm, RECENT, bar="1Dutc", limit=2)
    assert [int(row[0]) % (24 * HOUR) for row in utc] == [0, 0]
    hours = rows(calm, HISTORY, after=MARCH - 8 * HOUR, before=MARCH - 32 * HOUR - 1)
    assert len(hours) == 24
    assert float(hong_kong[1][2]) == max(float(row[2]) for row in hours)
    assert float(hong_kong[1][6]) == pytest.approx(sum(float(row[6]) for row in hours))
    assert hong_kong[1][1] == hours[-1][1]


@pytest.mark.parametrize("base", ["BTC", "ETH", "LINK", "AAVE", "1000PEPE", "UNI"])
def test_volume_is_in_contracts_and_the_instrument_says_how_big_they_are(
    calm: Any, base: str
) -> None:
    instrument = calm.json(
        "/okx/api/v5/public/instruments", instType="SWAP", instId=f"{base}-USDT-SWAP"
    )["data"][0]
    size = float(instrument["ctVal"]) * float(instrument["ctMult"])
    found = rows(calm, HISTORY, instId=f"{base}-USDT-SWAP", limit=5)
    truth = calm.simulator.truth(
        "okx/ohlcv", symbol=f"{base}USDT", start=int(found[-1][0]), end=int(found[0][0]) + 1
    )
    for row, item in zip(reversed(found), truth, strict=True):
        assert float(row[5]) * size == pytest.approx(float(row[6]))
        assert float(row[6]) == item["volume"]
        assert float(row[7]) == item["quote_volume"]
        assert [float(text) for text in row[1:5]] == [
            item[name] for name in ("open", "high", "low", "close")
        ]
        assert item["num_trades"] is None
        assert item["taker_buy_volume"] is None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"instId": "NO-SUCH-SWAP"}, 200, "51001"),
        ({"instId": ""}, 400, "50014"),
        ({"bar": "7m"}, 400, "51000"),
        ({"bar": "1h"}, 400, "51000"),
        ({"after": "yesterday"}, 400, "51000"),
    ],
)
def test_errors_are_in_the_code(calm: Any, change: dict[str, str], status: int, code: str) -> None:
    answer = calm.get(HISTORY, **{"instId": "BTC-USDT-SWAP", "bar": "1H", **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_unknown_instrument_type_is_a_parameter_error(calm: Any) -> None:
    path = "/okx/api/v5/public/instruments"
    assert calm.json(path, instType="PERP")["code"] == "51000"
    assert calm.json(path)["code"] == "50014"
    assert len(calm.json(path, instType="SWAP")["data"]) == 9


def test_funding_history_covers_three_months_and_its_rate_is_the_realized_one(calm: Any) -> None:
    path = "/okx/api/v5/public/funding-rate-history"
    found = calm.json(path, instId="BTC-USDT-SWAP")["data"]
    assert len(found) == 270
    times = [int(row["fundingTime"]) for row in found]
    assert times == sorted(times, reverse=True)
    assert times[-1] >= MARCH + 12 * HOUR - 90 * 24 * HOUR
    truth = calm.simulator.truth("okx/funding", symbol="BTCUSDT", start=times[-1], end=times[0] + 1)
    assert [float(row["realizedRate"]) for row in reversed(found)] == [
        item["funding_rate"] for item in truth
    ]
    assert all(row["realizedRate"] != row["fundingRate"] for row in found)
    older = calm.json(path, instId="BTC-USDT-SWAP", after=times[10], limit=5)["data"]
    assert older == found[11:16]


def test_the_funding_interval_is_the_distance_of_the_next_two(calm: Any) -> None:
    path = "/okx/api/v5/public/funding-rate"
    row = calm.json(path, instId="BTC-USDT-SWAP")["data"][0]
    assert int(row["nextFundingTime"]) - int(row["fundingTime"]) == 8 * HOUR
    assert row["nextFundingRate"] == ""
    every = calm.json(path, instId="ANY")["data"]
    assert len(every) == 9
