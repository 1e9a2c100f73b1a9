"""Each thing that can go wrong with an answer, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

HOUR = 3_600_000
MARCH = 1_772_323_200_000
KLINES = {"symbol": "BTCUSDT", "interval": "1h", "startTime": MARCH - 400 * HOUR, "limit": 300}
PATH = "/binance/fapi/v1/klines"
OKX_PATH = "/okx/api/v5/market/history-candles"
OKX = {"instId": "BTC-USDT-SWAP", "bar": "1H", "limit": 100}


@pytest.fixture
def faulty(start: Any) -> Any:
    return start().simulator


@pytest.fixture
def http(faulty: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=faulty.url, timeout=5.0, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("status", [403, 429, 451, 500, 502, 503])
def test_http_faults_answer_with_their_status_and_time_stays_well(
    faulty: Any, http: httpx.Client, status: int
) -> None:
    faulty.control(faults={f"http_{status}": 1.0, "retry_after": 7})
    for path, params in ((PATH, KLINES), (OKX_PATH, OKX)):
        answer = http.get(path, params=params)
        assert answer.status_code == status
        waits = status == 429 and path == PATH
        assert answer.headers.get("retry-after") == ("7" if waits else None)
    assert http.get("/binance/fapi/v1/time").status_code == 200
    assert faulty.stats()["binance"]["faults"] == {f"http_{status}": 1}


def test_a_geo_block_speaks_binance(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"http_451": 1.0})
    content = http.get(PATH, params=KLINES).json()
    assert content["code"] == 0
    assert "restricted location" in content["msg"]


def test_a_ban_holds_for_all_paths_until_it_is_over(faulty: Any, http: httpx.Client) -> None:
    schedule = [{"fault": "http_418", "start_request": 1, "end_request": 1}]
    faulty.control(faults={"schedule": schedule, "retry_after": 1})
    answer = http.get(PATH, params=KLINES)
    assert (answer.status_code, answer.headers["retry-after"]) == (418, "1")
    assert "IP banned until" in answer.json()["msg"]
    assert http.get("/binance/fapi/v1/time").status_code == 418
    time.sleep(1.05)
    assert http.get(PATH, params=KLINES).status_code == 200
    assert faulty.stats()["binance"]["requests_during_ban"] == 1


def test_a_hanging_answer_outlasts_the_client(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"timeout": 1.0, "timeout_seconds": 20.0})
    with pytest.raises(httpx.ReadTimeout):
        http.get(PATH, params=KLINES, timeout=0.2)


def test_cut_json_has_the_right_length_but_no_end(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"cut_json": 1.0})
    answer = http.get(PATH, params=KLINES)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()


def test_a_cut_connection_ends_midway_in_the_body(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"cut_connection": 1.0})
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(PATH, params=KLINES)


def test_a_page_of_html_comes_with_200(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"wrong_type": 1.0})
    answer = http.get(PATH, params=KLINES)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")


def test_an_empty_page_looks_like_the_end_of_the_data(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"empty_page": 1.0})
    assert http.get(PATH, params=KLINES).json() == []
    assert http.get(OKX_PATH, params=OKX).json() == {"code": "0", "msg": "", "data": []}


def test_okx_says_its_errors_under_200(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"okx_code": 1.0})
    answer = http.get(OKX_PATH, params=OKX)
    assert (answer.status_code, answer.json()["code"]) == (200, "50001")
    assert len(http.get(PATH, params=KLINES).json()) == 300


def test_short_pages_miss_other_rows_at_each_ask(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"short_page": 1.0, "short_page_rows": 0.05})
    pages = [{row[0] for row in http.get(PATH, params=KLINES).json()} for _ in range(3)]
    assert all(240 < len(page) < 300 for page in pages)
    assert len(pages[0] | pages[1] | pages[2]) > max(map(len, pages))


def test_a_repeated_row_is_the_same_row(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"duplicates": 1.0})
    times = [row[0] for row in http.get(PATH, params=KLINES).json()]
    assert len(times) == 301
    assert len(set(times)) == 300


def test_bad_rows_break_one_rule_each(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"bad_row": 1.0})
    kinds = set()
    for _ in range(3):
        for row in http.get(PATH, params=KLINES).json():
            if float(row[2]) < float(row[3]):
                kinds.add("high below low")
            if float(row[5]) < 0:
                kinds.add("negative volume")
            if row[0] % HOUR:
                kinds.add("off the grid")
    assert kinds == {"high below low", "negative volume", "off the grid"}


def test_a_price_spike_is_not_the_truth(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"price_spike": 1.0})
    rows = http.get(PATH, params=KLINES).json()
    window = {"start": rows[0][0], "end": rows[-1][0] + HOUR}
    truth = faulty.truth("binance/ohlcv", symbol="BTCUSDT", **window)
    wrong = [
        float(row[4]) / item["close"]
        for row, item in zip(rows, truth, strict=True)
        if float(row[4]) != item["close"]
    ]
    assert wrong == [pytest.approx(1.5, rel=1e-3)]


def test_a_schedule_hits_exactly_the_requests_it_names(faulty: Any, http: httpx.Client) -> None:
    schedule = [{"fault": "http_503", "start_request": 2, "end_request": 3, "venue": "binance"}]
    faulty.control(faults={"schedule": schedule})
    statuses = [http.get(PATH, params=KLINES).status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert http.get(OKX_PATH, params=OKX).status_code == 200


def test_a_rate_is_met_about_as_often_as_it_says(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"http_500": 0.3})
    statuses = [http.get(PATH, params={**KLINES, "limit": 1}).status_code for _ in range(200)]
    assert 35 < statuses.count(500) < 85


def test_only_the_chosen_venues_and_paths_are_hit(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"http_500": 1.0, "fault_venues": ["okx"], "fault_paths": ["time"]})
    assert http.get(PATH, params=KLINES).status_code == 200
    assert http.get(OKX_PATH, params=OKX).status_code == 200
    assert http.get("/okx/api/v5/public/time").status_code == 500


def test_latency_is_added_to_each_answer(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"latency_ms": 60.0, "latency_jitter_ms": 20.0})
    began = time.monotonic()
    http.get(PATH, params=KLINES)
    assert 0.06 <= time.monotonic() - began < 1.0


def test_funding_pages_have_faults_too(faulty: Any, http: httpx.Client) -> None:
    faulty.control(faults={"bad_row": 1.0})
    params = {"symbol": "BTCUSDT", "limit": 20}
    rates = {row["fundingRate"] for row in
             http.get("/binance/fapi/v1/fundingRate", params=params).json()}  # fmt: skip
    assert "NaN" in rates
