"""Limits over HTTP: weight, 429, the ban for who goes on, and OKX's own counts."""

from __future__ import annotations

import time
from typing import Any

ONE = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1}


def test_over_the_weight_there_is_429_and_then_a_ban(start: Any) -> None:
    # A window that is long enough for the test, and whose edge is far away.
    asker = start(limits={"weight_per_minute": 10, "window_seconds": 100_000_000, "ban_seconds": 1})
    answers = [asker.get("/binance/fapi/v1/klines", **ONE) for _ in range(15)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 4 + [418]
    assert answers[9].headers["x-mbx-used-weight-1m"] == "10"
    assert int(answers[10].headers["retry-after"]) > 0
    assert answers[10].json()["code"] == -1003
    assert answers[14].headers["retry-after"] == "1"
    text = answers[14].json()["msg"]
    assert "IP banned until" in text
    until = int(text.split("IP banned until ")[1].split(".")[0])
    assert 0 < until - time.time() * 1000 < 1100
    assert asker.get("/binance/fapi/v1/time").status_code == 418
    stats = asker.simulator.stats()["binance"]
    assert stats["requests_during_ban"] == 1
    assert stats["requests_during_throttle"] == 5
    assert stats["by_status"] == {"200": 10, "429": 4, "418": 2}
    assert stats["max_weight_in_minute"] == 16
    assert asker.get("/aster/fapi/v3/time").status_code == 200


def test_a_new_window_forgives(start: Any) -> None:
    asker = start(limits={"weight_per_minute": 3, "window_seconds": 1.0})
    statuses = set()
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline and statuses != {200, 429}:
        statuses.add(asker.get("/aster/fapi/v3/klines", **ONE).status_code)
    refused = asker.simulator.control(limits={"ignored_before_ban": 1000})
    assert refused["ok"]
    time.sleep(1.1)
    assert asker.get("/aster/fapi/v3/klines", **ONE).status_code == 200


def test_aster_refuses_without_retry_after_unless_told_otherwise(start: Any) -> None:
    asker = start(limits={"weight_per_minute": 0})
    assert "retry-after" not in asker.get("/aster/fapi/v3/time").headers
    asker.simulator.control(limits={"aster_retry_after": True})
    assert "retry-after" in asker.get("/aster/fapi/v3/time").headers


def test_binance_funding_has_a_bucket_of_its_own(start: Any) -> None:
    asker = start(limits={"funding_requests": 3, "funding_window_seconds": 100_000_000})
    statuses = [
        asker.get(f"/binance/fapi/v1/{path}", symbol="BTCUSDT").status_code
        for path in ("fundingRate", "fundingInfo", "fundingRate", "fundingRate", "time")
    ]
    assert statuses == [200, 200, 200, 429, 200]


def test_okx_counts_each_endpoint_in_two_seconds(start: Any) -> None:
    asker = start(limits={})
    path = "/okx/api/v5/market/history-candles"
    answers = [asker.get(path, instId="BTC-USDT-SWAP", limit=1) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[-1].json() == {"msg": "Too Many Requests", "code": "50011"}
    assert "retry-after" not in answers[-1].headers
    recent = asker.get("/okx/api/v5/market/candles", instId="BTC-USDT-SWAP", limit=1)
    assert recent.status_code == 200


def test_without_enforcement_weights_are_only_counted(start: Any) -> None:
    asker = start(limits={"enforce": False, "weight_per_minute": 1})
    assert {asker.get("/binance/fapi/v1/klines", **ONE).status_code for _ in range(5)} == {200}
    assert asker.simulator.stats()["binance"]["weight_used"] == 5


def test_okx_counts_funding_by_endpoint_and_instrument(start: Any) -> None:
    asker = start(limits={})
    path = "/okx/api/v5/public/funding-rate"
    statuses = [asker.get(path, instId="BTC-USDT-SWAP").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert asker.get(path, instId="ETH-USDT-SWAP").status_code == 200
    assert asker.get(f"{path}-history", instId="BTC-USDT-SWAP").status_code == 200
