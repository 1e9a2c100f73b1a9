"""How much each venue takes before it says no; by the wall clock, like a real network would."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from market_assets.simulator.answers import Answer, Endpoint, Params, json_answer
from market_assets.simulator.config import LimitsConfig
from market_assets.simulator.stats import VenueStats

_OKX_WINDOW_SECONDS = 2.0


@dataclass
class CountedWindow:
    """A count that starts again at each multiple of its length."""

    number: int = -1
    used: int = 0

    def add(self, amount: int, seconds: float, now: float) -> bool:
        """Counts; True when a new window has begun."""
        number = int(now // seconds)
        fresh = number != self.number
        if fresh:
            self.number, self.used = number, 0
        self.used += amount
        return fresh


class Limits(Protocol):
    """One venue's patience."""

    def headers(self) -> dict[str, str]: ...

    def ban(self, seconds: float) -> Answer:
        """Bans from now on, and answers so."""

    def throttle(self, seconds: float) -> Answer:
        """Says once that it is too much."""

    def refuse(self, endpoint: Endpoint, params: Params) -> Answer | None:
        """Counts a request; the refusal if there is one."""


class BinanceLikeLimits:
    """Weight a minute and IP; 429 over it; 418 for who goes on regardless."""

    def __init__(self, config: LimitsConfig, stats: VenueStats, *, retry_after: bool) -> None:
        self._config = config
        self._stats = stats
        self._retry_after = retry_after
        self._pool = CountedWindow()
        self._funding = CountedWindow()
        self._refusals = 0
        self._throttled_until = 0.0
        self._banned_until = 0.0

    def headers(self) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(self._pool.used)}

    def ban(self, seconds: float) -> Answer:
        """Bans from now on, and answers so."""
        self._banned_until = time.time() + seconds
        return self._ban_answer(seconds)

    def throttle(self, seconds: float) -> Answer:
        """Says 429 once; only notes that the client was asked to wait."""
        self._throttled_until = max(self._throttled_until, time.time() + seconds)
        return self._throttle_answer(seconds)

    def refuse(self, endpoint: Endpoint, params: Params) -> Answer | None:
        """Counts a request; the refusal if there is one."""
        now = time.time()
        config = self._config
        weight = 0 if endpoint.funding_bucket else endpoint.weight(params)
        if self._pool.add(weight, config.window_seconds, now):
            self._refusals = 0
        self._stats.weight(weight, self._pool.used)
        if now < self._throttled_until:
            self._stats.requests_during_throttle += 1
        if now < self._banned_until:
            self._stats.requests_during_ban += 1
            return self._ban_answer(self._banned_until - now)
        if not config.enforce:
            return None
        if endpoint.funding_bucket:
            length = config.funding_window_seconds
            self._funding.add(1, length, now)
            if self._funding.used > config.funding_requests:
                return self._over(length - now % length)
        if self._pool.used > config.weight_per_minute:
            return self._over(config.window_seconds - now % config.window_seconds)
        return None

    def _over(self, wait: float) -> Answer:
        self._refusals += 1
        if self._refusals > self._config.ignored_before_ban + 1:
            self._refusals = 0
            return self.ban(self._config.ban_seconds)
        return self.throttle(wait)

    def _throttle_answer(self, wait: float) -> Answer:
        limit = self._config.weight_per_minute
        text = f"Too many requests; current limit is {limit} requests per minute."
        return self._answer(429, text, wait)

    def _ban_answer(self, wait: float) -> Answer:
        until = round(self._banned_until * 1000)
        text = (
            f"Way too many requests; IP banned until {until}. "
            "Please use the websocket for live updates to avoid bans."
        )
        return self._answer(418, text, wait)

    def _answer(self, status: int, text: str, wait: float) -> Answer:
        answer = json_answer({"code": -1003, "msg": text}, status)
        if not self._retry_after:
            return answer
        seconds = str(max(ceil(wait), 1))
        return Answer(status, answer.body, headers={"Retry-After": seconds})


@dataclass
class OkxLimits:
    """So many requests in any two seconds, for each endpoint on its own."""

    config: LimitsConfig
    stats: VenueStats
    _recent: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _throttled_until: float = 0.0

    def headers(self) -> dict[str, str]:
        return {}

    def ban(self, seconds: float) -> Answer:
        """OKX publishes no ban; it throttles."""
        return self.throttle(seconds)

    def throttle(self, seconds: float) -> Answer:
        self._throttled_until = max(self._throttled_until, time.time() + seconds)
        return json_answer({"msg": "Too Many Requests", "code": "50011"}, 429)

    def refuse(self, endpoint: Endpoint, params: Params) -> Answer | None:
        now = time.time()
        if now < self._throttled_until:
            self.stats.requests_during_throttle += 1
        counted = params.get(endpoint.counted_by, "") if endpoint.counted_by else ""
        recent = self._recent.setdefault((endpoint.counted_as, counted), deque())
        while recent and recent[0] <= now - _OKX_WINDOW_SECONDS:
            recent.popleft()
        self.stats.weight(1, len(recent) + 1)
        allowed = max(int(endpoint.per_two_seconds * self.config.okx_scale), 1)
        if self.config.enforce and len(recent) >= allowed:
            return self.throttle(recent[0] + _OKX_WINDOW_SECONDS - now)
        recent.append(now)
        return None


class AddressLimits:
    """So many requests of an address in a span of time; then silence for who did not keep to it.

    A venue of this kind says how it sends away (`away`) and how it asks for patience (`patience`).
    """

    requests_key: str  # in LimitsConfig
    seconds: float
    ban_seconds: float

    def __init__(self, config: LimitsConfig, stats: VenueStats) -> None:
        self._config, self._stats, self._window = config, stats, CountedWindow()
        self._banned_until = self._throttled_until = 0.0

    def away(self) -> Answer:
        raise NotImplementedError

    def patience(self, until: float) -> Answer:
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        return {}

    def ban(self, seconds: float) -> Answer:
        self._banned_until = time.time() + seconds
        return self.away()

    def throttle(self, seconds: float) -> Answer:
        self._throttled_until = time.time() + seconds
        return self.patience(self._throttled_until)

    def refuse(self, _endpoint: Endpoint, _params: Params) -> Answer | None:
        now = time.time()
        self._window.add(1, self.seconds, now)
        self._stats.weight(1, self._window.used)
        self._stats.requests_during_throttle += now < self._throttled_until
        if now < self._banned_until:
            self._stats.requests_during_ban += 1
            return self.away()
        over = self._window.used > getattr(self._config, self.requests_key)
        return self.ban(self.ban_seconds) if self._config.enforce and over else None
