"""The one HTTP client against an exchange that misbehaves in every way it knows."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from http_support import ALL_DIALECTS, Client, page, rows_of

from market_assets.errors import (
    GeoBlocked,
    SymbolUnknown,
    VenueRefused,
    VenueUnavailable,
)
from market_assets.simulator.process import RunningSimulator
from market_assets.venues._http import Patience

# -- what a retry mends


@ALL_DIALECTS
@pytest.mark.parametrize(
    ("fault", "outcome", "status"),
    [
        ("http_500", "server_error", 500),
        ("http_502", "server_error", 502),
        ("http_503", "server_error", 503),
        ("cut_json", "malformed", 200),
        ("wrong_type", "malformed", 200),
        ("cut_connection", "cut", 0),
    ],
)
def test_a_passing_fault_is_retried_and_the_page_arrives_whole(
    client: Client, once: Any, venue: str, fault: str, outcome: str, status: int
):
    once(fault, times=2)
    asked = client.ask(venue, page(venue))
    assert rows_of(venue, asked) == 24
    assert [(r.outcome, r.status, r.attempt) for r in asked.records] == [
        (outcome, status, 1),
        (outcome, status, 2),
        ("ok", 200, 3),
    ]


@ALL_DIALECTS
def test_an_answer_that_never_comes_is_given_up_and_asked_for_again(
    client: Client, once: Any, venue: str
):
    once("timeout", timeout_seconds=10)
    patient = Patience(attempts=3, backoff_seconds=0.01, timeout_seconds=0.5)
    asked = client.ask(venue, page(venue), patience=patient)
    assert rows_of(venue, asked) == 24
    assert asked.outcomes == ["timeout", "ok"]
    assert 450 <= asked.records[0].latency_ms < 3000


def test_an_okx_error_under_http_200_is_an_error(client: Client, once: Any):
    once("okx_code", times=2)
    asked = client.ask("okx", page("okx"))
    assert rows_of("okx", asked) == 24
    assert asked.outcomes == ["unavailable", "unavailable", "ok"]


@ALL_DIALECTS
def test_a_fault_that_stays_ends_in_an_error_that_may_be_retried_later(
    client: Client, exchange: RunningSimulator, venue: str
):
    exchange.control(faults={"http_503": 1.0})
    asked = client.ask(venue, page(venue))
    assert isinstance(asked.error, VenueUnavailable)
    assert asked.error.retryable
    assert "HTTP 503" in str(asked.error)
    assert [r.attempt for r in asked.records] == [1, 2, 3, 4], "as often as patience says"


# -- what a venue refuses


@ALL_DIALECTS
@pytest.mark.parametrize("status", [451, 403])
def test_a_geo_block_is_named_with_what_to_do_and_never_retried(
    client: Client, exchange: RunningSimulator, venue: str, status: int
):
    exchange.control(faults={f"http_{status}": 1.0})
    asked = client.ask(venue, page(venue))
    assert isinstance(asked.error, GeoBlocked)
    assert not asked.error.retryable
    assert f"HTTP {status}" in asked.error.problem
    assert "not served" in asked.error.problem
    assert f"venues.{venue}.base_url" in asked.error.action
    assert [(r.outcome, r.status) for r in asked.records] == [("geo_blocked", status)]


@ALL_DIALECTS
def test_an_unknown_symbol_is_named_and_never_retried(client: Client, venue: str):
    asked = client.ask(venue, page(venue, "NOSUCHUSDT"))
    assert isinstance(asked.error, SymbolUnknown)
    assert "NOSUCHUSDT" in str(asked.error)
    assert asked.outcomes == ["symbol_unknown"]


@ALL_DIALECTS
def test_an_address_that_is_no_exchange_is_refused_with_its_setting(
    client: Client, exchange: RunningSimulator, venue: str
):
    asked = client.ask(venue, page(venue), base_url=f"{exchange.url}/nobody")
    assert isinstance(asked.error, VenueRefused)
    assert f"venues.{venue}.base_url" in asked.error.action
    assert asked.outcomes == ["refused"]


def test_a_venue_nobody_listens_for_is_unreachable_and_says_what_to_start(client: Client):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    asked = client.ask("binance", page("binance"), base_url=address)
    assert isinstance(asked.error, VenueUnavailable)
    assert address in str(asked.error)
    assert "market-assets simulate" in asked.error.action
    assert asked.outcomes == ["unreachable"] * 4


# -- records


def test_every_attempt_leaves_a_record_of_how_it_went(client: Client, once: Any):
    once("http_500")
    before = datetime.now(UTC)
    asked = client.ask("binance", page("binance", "ETHUSDT"))
    failed, served = asked.records
    assert (failed.attempt, served.attempt) == (1, 2)
    assert (failed.status, served.status) == (500, 200)
    for record in asked.records:
        assert (record.venue, record.endpoint, record.symbol) == ("binance", "klines", "ETHUSDT")
        assert record.run_id == "run-1"
        assert record.weight == 1  # a page of 24 rows
        assert before <= record.at <= datetime.now(UTC)
        assert 0 < record.latency_ms < 5000
    assert served.bytes > 24 * 50


def test_no_more_requests_are_in_flight_than_allowed(client: Client, exchange: RunningSimulator):
    exchange.control(faults={"latency_ms": 120})
    patience = Patience(concurrency=3)
    asked = client.ask("binance", *(page("binance") for _ in range(12)), patience=patience)
    spans = [(r.at.timestamp(), r.at.timestamp() + r.latency_ms / 1000) for r in asked.records]
    at_once = [sum(a <= start < b for a, b in spans) for start, _ in spans]
    assert max(at_once) == 3
