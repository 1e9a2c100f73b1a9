"""Moments and spans as people read them in messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

HOUR = 3600
DAY = 24 * HOUR


@lru_cache(maxsize=512)  # thousands of series tell of the same few hours
def moment(at: datetime) -> str:
    """`2026-11-20 14:00 UTC`, whatever time zone it came in."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


def length(span: timedelta) -> str:
    """`40 s`, `185 min`, `7 h 5 min`, `3 d 2 h`: two units at most, minutes up to four hours."""
    seconds = round(span.total_seconds())
    if seconds < 0:
        return f"-{length(-span)}"
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 4 * HOUR:
        return f"{seconds // 60} min"
    if seconds < 2 * DAY:
        return _two(seconds, HOUR, "h", 60, "min")
    return _two(seconds, DAY, "d", HOUR, "h")


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    whole = f"{seconds // large} {large_name}"
    return f"{whole} {rest} {small_name}" if rest else whole


def size(count: float) -> str:
    """`1.5 GiB`, with the unit that leaves a number people can say."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
