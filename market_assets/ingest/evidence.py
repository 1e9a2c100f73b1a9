"""Why a candle is absent, and what each answer to that rests on. Pure functions.

An empty page proves nothing: venues answer `200 []` when they are unwell. What counts:

absence        `CONFIRMATIONS` answers that show candles on both sides of the hole and none in it
not_listed     the venue's oldest candle, asked for as such, is younger; or the listing and
               delisting times the venue states
no_trade       absence, and the smallest longer candle that exists around the hole holds no more
               volume than the candles we have in it (or no candle of any length exists there);
               for days, which nothing is longer than: neither of their halves exists
venue_outage   absence and no trade, and at least two other symbols of the venue, all that were
               looked at, are absent at the same time; with one of them trading it is no_trade,
               and with too few that could be looked at it stays missing
missing        everything else: ours to repair
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from market_assets.schemas.timeline import INTERVALS, Window, floor_to

# The candle lengths that can hold a hole, short to long. 8h is left out: OKX has none.
LONGER = {
    "1m": ("5m", "15m", "1h", "4h", "1d"),
    "3m": ("15m", "1h", "4h", "1d"),
    "5m": ("15m", "1h", "4h", "1d"),
    "15m": ("30m", "1h", "4h", "1d"),
    "30m": ("1h", "2h", "4h", "1d"),
    "1h": ("2h", "4h", "12h", "1d"),
    "2h": ("4h", "12h", "1d"),
    "4h": ("12h", "1d"),
    "6h": ("12h", "1d"),
    "8h": ("1d",),
    "12h": ("1d",),
    "1d": (),
}

# What takes the place of a longer candle for those that have none.
HALF_OF_LONGEST = "12h"

# Volumes are decimals with a fixed number of places; only adding them up as floats is inexact.
VOLUME_TOLERANCE = 1e-6
# An outage of the venue shows in every symbol; one other symbol could be quiet by chance.
OUTAGE_WITNESSES = 2

Traded = Literal["no", "yes", "unknown"]


@dataclass(frozen=True, slots=True)
class VolumeTest:
    """What a longer candle says about trading in the holes inside it."""

    traded: Traded
    evidence: Mapping[str, object]


def compare_volume(
    longer: str, bucket: int, longer_volume: float | None, parts: Mapping[int, float]
) -> VolumeTest:
    """Hold a longer candle's volume against its parts that exist."""
    if longer_volume is None:
        return VolumeTest("unknown", {"longer_candle": longer, "its_volume": None})
    total = sum(volume for at, volume in parts.items() if bucket <= at < bucket + INTERVALS[longer])
    evidence = {"longer_candle": longer, "its_volume": longer_volume, "our_volume": total}
    excess = longer_volume - total
    if excess > VOLUME_TOLERANCE * max(1.0, longer_volume):
        return VolumeTest("yes", evidence)
    return VolumeTest("no", evidence)


def bucket_of(slot: int, longer: str) -> int:
    return floor_to(slot, INTERVALS[longer])


def bucket_window(slot: int, longer: str) -> Window:
    start = bucket_of(slot, longer)
    return Window(start, start + INTERVALS[longer])
