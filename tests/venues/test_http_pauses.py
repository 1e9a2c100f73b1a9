"""The one HTTP client waits: throttles, bans, weight that others spend, an open circuit."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC
from typing import Any

import httpx
import pytest
from http_support import QUICK, Asked, Client, page, rows_of
from lab_support import away_from_the_minute, relay

from market_assets.errors import (
    CircuitOpen,
    GeoBlocked,
    SymbolUnknown,
    VenueThrottled,
)
from market_assets.schemas.requests import RequestRecord
from market_assets.simulator.process import RunningSimulator
from market_assets.venues._gate import BreakerPolicy, Wait
from market_assets.venues._http import Patience, VenueClient
from market_assets.venues.registry import VENUES

# -- throttles and bans


def sent_while_silent(records: list[RequestRecord], said: RequestRecord, seconds: float) -> int:
    """Requests that left while the venue, by the answer `said`, wanted silence."""
    heard = said.at.timestamp() + said.latency_ms / 1000
    # What was on its way when the answer came is nobody's fault.
    return sum(heard + 0.05 < r.at.timestamp() < heard + seconds - 0.05 for r in records)


@pytest.mark.parametrize("venue", ["binance", "aster"])
def test_a_429_is_obeyed_for_as_long_as_it_says_by_every_request(
    client: Client, exchange: RunningSimulator, once: Any, venue: str
):
    exchange.control(limits={"enforce": False, "aster_retry_after": True})
    once("http_429", retry_after=2)
    asked = client.ask(venue, *(page(venue, hours=n) for n in range(1, 21)))
    assert not [a for a in asked.answers if isinstance(a, BaseException)]
    (throttled,) = [r for r in asked.records if r.outcome == "throttled"]
    assert throttled.status == 429
    assert sent_while_silent(asked.records, throttled, 2.0) == 0
    assert {wait.reason for wait in asked.waits} == {"paused"}


@pytest.mark.parametrize("venue", ["okx", "aster"])
def test_a_429_without_a_time_is_obeyed_for_two_seconds(client: Client, once: Any, venue: str):
    once("http_429", retry_after=1)
    asked = client.ask(venue, *(page(venue, hours=n) for n in range(1, 13)))
    assert not [a for a in asked.answers if isinstance(a, BaseException)]
    (throttled,) = [r for r in asked.records if r.outcome == "throttled"]
    assert sent_while_silent(asked.records, throttled, 2.0) == 0


def test_a_ban_shorter_than_our_patience_is_sat_out_without_a_single_request(
    client: Client, exchange: RunningSimulator, once: Any
):
    once("http_418", retry_after=3)
    asked = client.ask("binance", page("binance"), page("binance", hours=5), one_by_one=True)
    assert not [a for a in asked.answers if isinstance(a, BaseException)]
    assert asked.outcomes == ["banned", "ok", "ok"]
    assert exchange.stats()["binance"]["requests_during_ban"] == 0


def test_a_ban_longer_than_our_patience_fails_as_retryable_and_says_until_when(
    client: Client, exchange: RunningSimulator, once: Any
):
    once("http_418", retry_after=60)
    began = time.time()
    asked = client.ask("binance", page("binance"))
    assert time.time() - began < 5, "nobody waits for what it will not outlast"
    error = asked.error
    assert isinstance(error, VenueThrottled)
    assert error.retryable
    assert 55 < error.retry_at.timestamp() - began < 65
    assert error.retry_at.astimezone(UTC).strftime("%H:%M:%S") in str(error)
    assert asked.outcomes == ["banned"]
    # The next run on this machine knows it without asking.
    again = client.ask("binance", page("binance"))
    assert isinstance(again.error, VenueThrottled)
    assert again.records == []
    assert exchange.stats()["binance"]["requests_during_ban"] == 0


def test_a_403_of_bybit_that_speaks_of_frequency_is_a_ban_of_ten_minutes_and_no_geo_block(
    client: Client, once: Any
):
    once("http_418")
    asked = client.ask("bybit", page("bybit"))
    assert isinstance(asked.error, VenueThrottled)
    assert 590 < asked.error.retry_at.timestamp() - time.time() <= 600
    assert [(r.outcome, r.status) for r in asked.records] == [("banned", 403)]


def test_bybit_is_not_asked_before_the_time_that_its_header_names(client: Client, once: Any):
    once("http_429", retry_after=3)
    asked = client.ask("bybit", page("bybit"), page("bybit", hours=5), one_by_one=True)
    assert asked.outcomes == ["throttled", "ok", "ok"]
    assert sent_while_silent(asked.records, asked.records[0], 3.0) == 0


def test_a_region_that_bybit_does_not_serve_is_named_though_the_status_is_200(client: Client):
    refusal = {"retCode": 10024, "retMsg": "not available in your region", "result": {}}
    with relay(client.exchange, lambda _path, _body: json.dumps(refusal).encode()) as address:
        asked = client.ask("bybit", page("bybit"), base_url=address)
    assert isinstance(asked.error, GeoBlocked)
    assert asked.outcomes == ["geo_blocked"]


def test_a_ban_of_one_venue_leaves_the_other_venues_alone(client: Client, once: Any):
    once("http_418", retry_after=60, fault_venues=["binance"])
    client.ask("binance", page("binance"))
    assert rows_of("okx", client.ask("okx", page("okx"))) == 24


@pytest.mark.slow
def test_the_weight_limit_is_used_but_never_crossed(client: Client, exchange: RunningSimulator):
    """200 weight a minute are allowed and 264 needed: the rest waits, and nobody says 429."""
    away_from_the_minute(12)
    exchange.control(limits={"enforce": True, "weight_per_minute": 200})
    calls = [page("binance", hours=400) for _ in range(120)]
    short = Patience(concurrency=20, max_pause_seconds=1)

    async def send() -> tuple[list[RequestRecord], list[Wait]]:
        records: list[RequestRecord] = []
        waits: list[Wait] = []
        made = VenueClient(
            VENUES["binance"],
            exchange.base_url("binance"),
            client.gate,
            run_id="run-1",
            record=records.append,
            patience=short,
            on_wait=waits.append,
            limit_weight=200,
        )
        async with made:
            tasks = [asyncio.create_task(made.get(call)) for call in calls]
            await asyncio.wait(tasks, timeout=6)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return records, waits

    records, waits = asyncio.run(send())
    stats = exchange.stats()["binance"]
    assert set(stats["by_status"]) == {"200"}
    assert 180 <= stats["max_weight_in_minute"] <= 200, "the budget is used, not only kept"
    assert {r.outcome for r in records} <= {"ok", "cancelled"}
    assert {wait.reason for wait in waits} <= {"budget", "paused"}
    assert waits, "somebody had to wait"


def test_weight_that_others_spend_on_our_address_slows_us_down(
    client: Client, exchange: RunningSimulator
):
    away_from_the_minute(6)
    # Somebody else behind this address, who knows nothing of our gate, spends 190 of 200.
    costly = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1500}
    for _ in range(19):
        httpx.get(f"{exchange.base_url('binance')}/fapi/v1/klines", params=costly, trust_env=False)
    calls = [page("binance", hours=400) for _ in range(30)]
    asked = Asked()

    async def send() -> None:
        made = VenueClient(
            VENUES["binance"], exchange.base_url("binance"), client.gate, run_id="run-1",
            record=asked.records.append, patience=QUICK, on_wait=asked.waits.append,
            limit_weight=200,
        )  # fmt: skip
        async with made:
            await made.get(calls[0])
            tasks = [asyncio.create_task(made.get(call)) for call in calls]
            await asyncio.wait(tasks, timeout=2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(send())
    assert exchange.stats()["binance"]["max_weight_in_minute"] <= 200
    assert asked.waits


# -- circuit breaker


def test_after_enough_failures_nobody_asks_until_the_stated_time(
    client: Client, exchange: RunningSimulator
):
    exchange.control(faults={"http_503": 1.0})
    breaker = BreakerPolicy(failures=6, first_pause=30, next_pause=300)
    impatient = Patience(
        attempts=8, backoff_seconds=0.01, max_backoff_seconds=0.05, max_open_seconds=1
    )
    asked = client.ask("binance", page("binance"), patience=impatient, breaker=breaker)
    assert isinstance(asked.error, CircuitOpen)
    assert asked.error.retryable
    assert "HTTP 503" in str(asked.error)
    assert "run again after" in str(asked.error)
    assert len(asked.records) == 6
    again = client.ask("binance", page("binance"), patience=impatient, breaker=breaker)
    assert isinstance(again.error, CircuitOpen)
    assert again.records == [], "the second run does not hammer either"


def test_a_circuit_that_reopens_soon_is_waited_for_and_the_work_goes_on(client: Client, once: Any):
    once("http_503", times=6)
    breaker = BreakerPolicy(failures=6, first_pause=1, next_pause=60)
    patient = Patience(
        attempts=8, backoff_seconds=0.01, max_backoff_seconds=0.02, max_open_seconds=10
    )
    asked = client.ask("binance", page("binance"), patience=patient, breaker=breaker)
    assert rows_of("binance", asked) == 24
    assert asked.outcomes == ["server_error"] * 6 + ["ok"]
    gap = asked.records[-1].at - asked.records[-2].at
    assert gap.total_seconds() >= 0.9


def test_a_probe_that_the_venue_answers_with_a_refusal_shows_that_it_is_up(
    client: Client, once: Any
):
    once("http_503", times=6)
    breaker = BreakerPolicy(failures=6, first_pause=1, next_pause=60)
    patient = Patience(
        attempts=6, backoff_seconds=0.01, max_backoff_seconds=0.02, max_open_seconds=10
    )
    client.ask("binance", page("binance"), patience=patient, breaker=breaker)
    probe = client.ask("binance", page("binance", "NOSUCHUSDT"), patience=patient, breaker=breaker)
    assert isinstance(probe.error, SymbolUnknown)
    began = time.time()
    assert (
        rows_of(
            "binance", client.ask("binance", page("binance"), patience=patient, breaker=breaker)
        )
        == 24
    )
    assert time.time() - began < 5, "the circuit closed with the answer"
