"""Bybit over HTTP: newest first, both ends included, parts by cursor, and 403 for a crowd."""

from __future__ import annotations

from typing import Any

HOUR = 3_600_000
MARCH = 1_772_323_200_000  # 2026-03-01T00:00Z


def get(asker: Any, path: str, **params: Any) -> Any:
    asked = {"category": "linear", "symbol": "BTCUSDT", **params}
    return asker.json(f"/bybit/v5/market/{path}", **asked)


def test_candles_come_newest_first_with_the_open_one_at_the_top(calm: Any) -> None:
    rows = get(calm, "kline", interval="60", start=MARCH)["result"]["list"]
    assert [(int(row[0]) - MARCH) // HOUR for row in rows] == list(range(12, -1, -1))
    assert get(calm, "kline", interval="1h")["retCode"] == 10001
    assert get(calm, "kline", interval="60", symbol="NOUSDT")["retCode"] == 10001


def test_funding_ends_where_it_is_told_and_a_start_alone_is_an_error(calm: Any) -> None:
    rows = get(calm, "funding/history", endTime=MARCH, limit=2)["result"]["list"]
    assert [MARCH - int(row["fundingRateTimestamp"]) for row in rows] == [0, 8 * HOUR]
    assert get(calm, "funding/history", startTime=MARCH)["retCode"] == 10001


def test_instruments_come_in_parts_and_what_ended_by_its_status(start: Any) -> None:
    asker = start(clock={"mode": "frozen", "now": "2026-03-10T00:00:00Z"})
    first = get(asker, "instruments-info", limit=5)["result"]
    rest = get(asker, "instruments-info", limit=5, cursor=first["nextPageCursor"])["result"]
    seen = {row["symbol"] for row in first["list"] + rest["list"]}
    assert (len(first["list"]), len(seen), rest["nextPageCursor"]) == (5, 8, "")
    (old,) = get(asker, "instruments-info", status="Closed")["result"]["list"]
    assert (old["symbol"], old["deliveryTime"]) == ("OLDUSDT", "1772697600000")


def test_a_crowd_is_sent_away_with_403(start: Any) -> None:
    asker = start(limits={"bybit_requests": 3})
    # More than fit into two windows, should one end among them.
    codes = [asker.get("/bybit/v5/market/time").status_code for _ in range(8)]
    assert (codes[0], codes[-1]) == (200, 403)
