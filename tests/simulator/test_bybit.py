"""Bybit over HTTP: newest first, both ends included, parts by cursor, and 403 for a crowd."""

from __future__ import annotations

from typing import Any

HOUR = 3_600_000
MARCH = 1_772_323_200_000  # 2026-03-01T00:00Z
BTC = {"category": "linear", "symbol": "BTCUSDT"}


def get(asker: Any, path: str, **params: Any) -> Any:
    return asker.json(f"/bybit/v5/market/{path}", **{**BTC, **params})


def test_candles_are_the_truth_newest_first_with_the_open_one_at_the_top(calm: Any) -> None:
    rows = get(calm, "kline", interval="60", start=MARCH, end=MARCH + 12 * HOUR)["result"]["list"]
    assert [(int(row[0]) - MARCH) // HOUR for row in rows] == list(range(12, -1, -1))
    truth = calm.simulator.truth("bybit/ohlcv", symbol="BTCUSDT", start=MARCH, end=MARCH + HOUR)[0]
    names = ("timestamp", "open", "high", "low", "close", "volume", "quote_volume")
    assert [float(text) for text in rows[-1]] == [truth[name] for name in names]
    assert get(calm, "kline", interval="1h")["retCode"] == 10001
    assert get(calm, "kline", interval="60", symbol="NOUSDT")["retCode"] == 10001


def test_funding_ends_where_it_is_told_and_a_start_alone_is_an_error(calm: Any) -> None:
    rows = get(calm, "funding/history", endTime=MARCH, limit=3)["result"]["list"]
    assert [MARCH - int(row["fundingRateTimestamp"]) for row in rows] == [0, 8 * HOUR, 16 * HOUR]
    assert get(calm, "funding/history", startTime=MARCH)["retCode"] == 10001


def test_instruments_come_in_parts_and_what_ended_by_its_status(start: Any) -> None:
    asker = start(clock={"mode": "frozen", "now": "2026-03-10T00:00:00Z"})
    seen, cursor = [], ""
    while not seen or cursor:
        part = get(asker, "instruments-info", limit=3, cursor=cursor)["result"]
        seen += [row["symbol"] for row in part["list"]]
        cursor = part["nextPageCursor"]
    assert len(seen) == len(set(seen)) == 8
    (old,) = get(asker, "instruments-info", status="Closed")["result"]["list"]
    assert (old["symbol"], old["deliveryTime"]) == ("OLDUSDT", "1772697600000")


def test_a_crowd_is_sent_away_with_403(start: Any) -> None:
    asker = start(limits={"bybit_requests": 3})
    # More than fit into two windows, should one end among them.
    codes = [asker.get("/bybit/v5/market/time").status_code for _ in range(8)]
    assert (codes[0], codes[-1]) == (200, 403)
    assert asker.simulator.stats()["bybit"]["requests_during_ban"] > 0
