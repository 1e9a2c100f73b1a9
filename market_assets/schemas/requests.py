"""The record of one HTTP request, written by the client and kept in ops.requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One HTTP request as it went: a row of ops.requests."""

    at: datetime
    venue: str
    endpoint: str
    symbol: str
    status: int  # 0 when no answer came
    outcome: str  # ok, throttled, banned, server_error, timeout, cut, malformed, refused, ...
    latency_ms: float
    weight: int
    attempt: int
    bytes: int
    run_id: str
