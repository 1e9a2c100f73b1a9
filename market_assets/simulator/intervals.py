"""The candle lengths and the moments they are counted from."""

from __future__ import annotations

from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
FOREVER: Final = 4_133_404_800_000  # 2100-12-25, as venues write it
HOUR_MINUTES: Final = 60
DAY_MINUTES: Final = 1440

MINUTES: Final[dict[str, int]] = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}

# OKX counts its long bars from midnight in Hong Kong, which is 16:00 UTC of the day before.
HONG_KONG_OFFSET_MINUTES: Final = -480


def floor_to(moment_ms: int, minutes: int, offset_minutes: int = 0) -> int:
    """The opening of the candle that holds a moment."""
    shift = offset_minutes * MINUTE_MS
    length = minutes * MINUTE_MS
    return (moment_ms - shift) // length * length + shift
