"""The one HTTP client against an exchange that misbehaves in every way it knows."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from lab_support import DIALECTS, away_from_the_minute, ms, relay

from market_assets.errors import (
    CircuitOpen,
    GeoBlocked,
    MarketAssetsError,
    SymbolUnknown,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.simulator.process import RunningSimulator
from market_assets.venues._gate import BreakerPolicy, Wait
from market_assets.venues._http import Patience, VenueClient
from market_assets.venues.contract import Call, Instrument
from market_assets.venues.registry import VENUES

QUICK = Patience(
    attempts=4,
    backoff_seconds=0.01,
    max_backoff_seconds=0.05,
    max_pause_seconds=5,
    timeout_seconds=2,
    concurrency=8,
)
ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)


def page(venue: str, symbol: str = "BTCUSDT", hours: int = 24) -> Call:
    native = f"{symbol.removesuffix('USDT')}-USDT-SWAP" if venue == "okx" else symbol
    instrument = Instrument(
        venue, symbol, native, "BTC", "USDT", "USDT", 1.0, 0.1, 0.001, "trading", 0
    )
    start = ms("2026-02-01")
    span = Window(start, start + hours * HOUR_MS)
    return VENUES[venue].candles_call(instrument, "1h", span, ms("2026-03-10"))


@dataclass
class Asked:
    """What came of some calls, and the records and waits they left."""

    answers: list[Any] = field(default_factory=list)
    records: list[RequestRecord] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)

    @property
    def error(self) -> MarketAssetsError:
        (found,) = [a for a in self.answers if isinstance(a, BaseException)]
        assert isinstance(found, MarketAssetsError), repr(found)
        return found

    @property
    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.records]


@dataclass
class Client:
    """Sends calls like a run would: one client, its own gate file, all calls at once."""

    exchange: RunningSimulator
    gate: Path

    def ask(
        self,
        venue: str,
        *calls: Call,
        patience: Patience = QUICK,
        breaker: BreakerPolicy | None = None,
        limit_weight: int | None = None,
        base_url: str | None = None,
        one_by_one: bool = False,
    ) -> Asked:
        asked = Asked()

        async def send() -> None:
            client = VenueClient(
                VENUES[venue],
                base_url or self.exchange.base_url(venue),
                self.gate,
                run_id="run-1",
                record=asked.records.append,
                patience=patience,
                breaker=breaker,
                on_wait=asked.waits.append,
                limit_weight=limit_weight,
            )
            async with client:
                if one_by_one:
                    for call in calls:
                        asked.answers += await asyncio.gather(
                            client.get(call), return_exceptions=True
                        )
                else:
                    asked.answers = await asyncio.gather(
                        *(client.get(call) for call in calls), return_exceptions=True
                    )

        asyncio.run(send())
        return asked


@pytest.fixture
def client(exchange: RunningSimulator, tmp_path: Path) -> Client:
    return Client(exchange, tmp_path / "venues.sqlite")


@pytest.fixture
def once(exchange: RunningSimulator) -> Callable[..., None]:
    """The first request meets the fault, all later ones are served."""

    def plan(fault: str, times: int = 1, **more: Any) -> None:
        schedule = [{"fault": fault, "start_request": 1, "end_request": times}]
        exchange.control(faults={"schedule": schedule, **more})

    return plan


def rows_of(venue: str, asked: Asked) -> int:
    (answer,) = asked.answers
    assert not isinstance(answer, BaseException), answer
    return VENUES[venue].parse_candles(answer.body).table.num_rows


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
