"""The only HTTP client of the product: asks a venue politely and patiently, and keeps a record.

Each attempt passes the shared gate (budget, ban, circuit breaker), is judged by the venue's own
dialect, and leaves one record. What a retry can mend is retried with jitter; the rest is raised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from market_assets.errors import (
    CircuitOpen,
    GeoBlocked,
    SymbolUnknown,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import to_datetime
from market_assets.venues._gate import BreakerPolicy, Gate, Wait
from market_assets.venues.contract import Bucket, Call, Venue, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

# Without a Retry-After a throttled caller waits this long.
DEFAULT_THROTTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often the client tries before it gives up."""

    attempts: int = 8
    backoff_seconds: float = 0.2
    max_backoff_seconds: float = 20.0
    # A ban or throttle longer than this fails the run as retryable instead of holding it.
    max_pause_seconds: float = 900.0
    # Waiting for the circuit to close again; longer than the first pause, shorter than the next.
    max_open_seconds: float = 60.0
    timeout_seconds: float = 10.0
    concurrency: int = 50
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded body and when the request left, by our clock."""

    call: Call
    body: Any
    sent_at: float


class VenueClient:
    """One run's connection to one venue."""

    def __init__(
        self,
        venue: Venue,
        base_url: str,
        gate_path: Path,
        *,
        run_id: str,
        record: Callable[[RequestRecord], None],
        patience: Patience | None = None,
        breaker: BreakerPolicy | None = None,
        on_wait: Callable[[Wait], None] = lambda _: None,
        limit_weight: int | None = None,
    ) -> None:
        import httpx

        from market_assets.venues._transport import Lanes

        self.venue = venue
        self.base_url = base_url.rstrip("/")
        self.patience = patience or Patience()
        self._run_id = run_id
        self._record = record
        self._on_wait = on_wait
        self._gate = Gate(
            gate_path, f"{venue.name} {self.base_url}", buckets_of(venue, limit_weight), breaker
        )
        self._slots = asyncio.Semaphore(self.patience.concurrency)
        # Building a TLS context costs 20 ms and more; a plain-HTTP exchange needs none.
        secure = self.base_url.startswith("https")
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            timeout=httpx.Timeout(self.patience.timeout_seconds),
            transport=Lanes(self.patience.concurrency, verify=secure, proxy=self.patience.proxy),
            headers={"User-Agent": "market-assets", "Accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()
        self._gate.close()

    async def get(self, call: Call, *, attempts: int | None = None) -> Answer:
        """The venue's answer to `call`, or the error that says why there is none."""
        from tenacity import (
            AsyncRetrying,
            retry_if_exception,
            stop_after_attempt,
            wait_random_exponential,
        )

        retrying = AsyncRetrying(
            retry=retry_if_exception(self._worth_retrying),
            stop=stop_after_attempt(attempts or self.patience.attempts),
            wait=wait_random_exponential(
                multiplier=self.patience.backoff_seconds, max=self.patience.max_backoff_seconds
            ),
            reraise=True,
        )
        async with self._slots:
            async for attempt in retrying:
                with attempt:
                    return await self._attempt(call, attempt.retry_state.attempt_number)
        raise AssertionError("tenacity either returns or raises")

    def _worth_retrying(self, error: BaseException) -> bool:
        """A pause longer than our patience, or an open circuit, ends the run instead."""
        if isinstance(error, VenueThrottled):
            return (error.retry_at.timestamp() - time.time()) <= self.patience.max_pause_seconds
        return isinstance(error, VenueUnavailable) and not isinstance(error, CircuitOpen)

    async def _attempt(self, call: Call, number: int) -> Answer:
        import httpx
        import orjson

        await self._pass_gate(call)
        sent_at, started = time.time(), time.perf_counter()
        status, size, outcome = 0, 0, "cancelled"
        try:
            response = await self._http.get(call.path, params=call.params)
            status, size = response.status_code, len(response.content)
            used = self.venue.limits.used_weight_header
            if used and (count := response.headers.get(used[0], "")).isdigit():
                self._gate.reported(used[1], int(count))
            if self._bans(response) or status == 429:
                outcome = "throttled" if status == 429 else "banned"
                self._throttled(call, response, _judged(self.venue, status, response.content))
            if status in (451, 403):
                outcome = "geo_blocked"
                self._geo_blocked(call, status, response.text)
            if status >= 500:
                outcome = "server_error"
                self._unavailable(call, f"HTTP {status}")
            try:
                body = orjson.loads(response.content)
            except orjson.JSONDecodeError as error:
                outcome = "malformed" if status < 400 else "refused"
                if status >= 400:
                    self._refused(call, f"HTTP {status}, and no JSON in the answer")
                kind = response.headers.get("content-type", "no content type")
                self._unavailable(call, f"not JSON ({kind}): {error}")
            verdict = self.venue.judge(status, body)
            if verdict.kind != "ok":
                outcome = verdict.kind
                self._act_on(call, response, verdict)
            outcome = "ok"
            self._gate.succeeded()
            return Answer(call, body, sent_at)
        except httpx.TimeoutException as error:
            outcome = "timeout"
            self._unavailable(call, f"no answer in {self.patience.timeout_seconds:g} s", error)
        except httpx.ConnectError as error:
            outcome = "unreachable"
            through = f" through the proxy {self.patience.proxy}" if self.patience.proxy else ""
            self._unavailable(call, f"cannot connect{through} ({error})", error)
        except httpx.TransportError as error:
            outcome = "cut"
            self._unavailable(call, f"connection cut ({type(error).__name__})", error)
        finally:
            self._record(
                RequestRecord(
                    at=datetime.fromtimestamp(sent_at, UTC),
                    venue=self.venue.name,
                    endpoint=call.endpoint,
                    symbol=call.symbol,
                    status=status,
                    outcome=outcome,
                    latency_ms=round((time.perf_counter() - started) * 1000, 3),
                    weight=call.weight,
                    attempt=number,
                    bytes=size,
                    run_id=self._run_id,
                )
            )

    async def _pass_gate(self, call: Call) -> None:
        """Wait until the machine's budget allows, or fail with the time when it will."""
        waited_open = 0.0
        while wait := self._gate.enter(call.costs):
            doing = f"Asking {self.venue.name} for {call.endpoint}"
            if (
                wait.reason == "open"
                and waited_open + wait.seconds > self.patience.max_open_seconds
            ):
                raise CircuitOpen(
                    doing,
                    f"too many failures in a row, the last was: {wait.detail}",
                    f"Nobody asks {self.venue.name} for {wait.seconds:.0f} s; run again after that",
                    venue=self.venue.name,
                )
            if wait.reason == "paused" and wait.seconds > self.patience.max_pause_seconds:
                until = time.time() + wait.seconds
                raise VenueThrottled(
                    doing,
                    f"{self.venue.name} wants no requests until {_clock(until)} ({wait.detail})",
                    f"Run again after {_clock(until)}; what is done is kept",
                    retry_at=datetime.fromtimestamp(until, UTC),
                    venue=self.venue.name,
                )
            self._on_wait(wait)
            # Not all waiters at once: spread them a little over the time after.
            pause = min(wait.seconds, 5.0)
            waited_open += pause if wait.reason == "open" else 0.0
            await asyncio.sleep(pause + 0.05 * (hash(id(call)) % 10) / 10)

    def _act_on(self, call: Call, response: httpx.Response, verdict: Verdict) -> NoReturn:
        if verdict.kind == "throttled":
            self._throttled(call, response, verdict)
        if verdict.kind == "unavailable":
            self._unavailable(call, verdict.detail)
        if verdict.kind == "geo_blocked":
            self._geo_blocked(call, response.status_code, verdict.detail)
        self._gate.succeeded()  # a venue that refuses is up: the circuit closes
        if verdict.kind == "symbol_unknown":
            raise SymbolUnknown(
                f"Asking {self.venue.name} for {call.endpoint} of {call.symbol}",
                f"the venue does not know {call.symbol} ({verdict.detail})",
                "Check the spelling; `market-assets instruments` lists what the venue trades",
                venue=self.venue.name,
                symbol=call.symbol,
            )
        self._refused(call, verdict.detail)

    def _bans(self, response: httpx.Response) -> bool:
        ban = self.venue.limits.ban
        return response.status_code == ban.status and ban.says in response.text.lower()

    def _throttled(self, call: Call, response: httpx.Response, verdict: Verdict) -> NoReturn:
        """Nobody on this machine asks again before the venue's time is over."""
        limits, banned = self.venue.limits, self._bans(response)
        seconds = limits.ban.seconds if banned else DEFAULT_THROTTLE_SECONDS
        header = response.headers.get("retry-after", "")
        if header.isdigit():
            seconds = float(header)
        until = time.time() + seconds
        if verdict.until is not None:
            until = max(until, verdict.until / 1000)
        reset = response.headers.get(limits.reset_header or "", "")
        if reset.isdigit():
            until = max(until, int(reset) / 1000)
        what = "banned this address" if banned else "throttled this address"
        reason = f"HTTP {response.status_code}: {what}"
        self._gate.paused(until, reason)
        raise VenueThrottled(
            f"Asking {self.venue.name} for {call.endpoint}",
            f"{self.venue.name} {what} until {_clock(until)} ({verdict.detail or reason})",
            f"Run again after {_clock(until)}; what is done is kept",
            retry_at=datetime.fromtimestamp(until, UTC),
            venue=self.venue.name,
        )

    def _unavailable(
        self, call: Call, problem: str, cause: BaseException | None = None
    ) -> NoReturn:
        self._gate.failed(problem)
        raise VenueUnavailable(
            f"Asking {self.venue.name} for {call.endpoint} at {self.base_url}",
            problem,
            "Check that the address is right and answers (`market-assets doctor`), then run again;"
            " for a local exchange start `market-assets simulate`",
            venue=self.venue.name,
        ) from cause

    def _refused(self, call: Call, detail: str) -> NoReturn:
        raise VenueRefused(
            f"Asking {self.venue.name} for {call.endpoint} at {self.base_url}{call.path}",
            f"the venue refuses: {detail}",
            f"Check that venues.{self.venue.name}.base_url is an exchange of this kind",
            venue=self.venue.name,
        )

    def _geo_blocked(self, call: Call, status: int, text: str) -> NoReturn:
        raise GeoBlocked(
            f"Asking {self.venue.name} for {call.endpoint} at {self.base_url}",
            f"HTTP {status}: this address is not served ({text[:200].strip()})",
            f"Run from a network the venue serves, or set venues.{self.venue.name}.base_url to an"
            " address that does",
            venue=self.venue.name,
            status=status,
        )


def _judged(venue: Venue, status: int, content: bytes) -> Verdict:
    """What the body of a 429 or a ban adds; it may be a proxy's page and say nothing."""
    import orjson

    try:
        return venue.judge(status, orjson.loads(content))
    except orjson.JSONDecodeError:
        return Verdict("throttled", f"HTTP {status}")


def buckets_of(venue: Venue, limit_weight: int | None) -> list[Bucket]:
    """The venue's limits, with the weight that the settings allow."""
    from dataclasses import replace

    if limit_weight is None:
        return list(venue.limits.buckets)
    return [
        replace(bucket, limit=limit_weight) if bucket.name == "weight" else bucket
        for bucket in venue.limits.buckets
    ]


def _clock(epoch: float) -> str:
    return to_datetime(int(epoch) * 1000).strftime("%H:%M:%S UTC")
