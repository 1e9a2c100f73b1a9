"""What the simulated venues differ in beside their wire format: a line for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from market_assets.simulator.intervals import DAY_MS, FOREVER

# Announced a week ahead; most venues show the row for another week after the end.
DELISTING_NOTICE_MS: Final = 7 * DAY_MS


@dataclass(frozen=True)
class Manners:
    """How big a venue is, and what it tells."""

    volume_share: float  # of Binance's volume
    # Rates are written with this many places, so truth is what a reader can read.
    rate_places: int = 8
    late_funding: bool = False  # fundingTime is 0..20 ms after the settlement
    counts_contracts: bool = False  # sizes are contracts of ct_val * ct_mult base units
    counts_trades: bool = True  # candles tell the number of trades and the takers' share
    listed_after_end_ms: int = DELISTING_NOTICE_MS


MANNERS: Final[Mapping[str, Manners]] = {
    "binance": Manners(1.0, late_funding=True),
    "okx": Manners(
        0.4, rate_places=13, counts_contracts=True, counts_trades=False, listed_after_end_ms=0
    ),
    "aster": Manners(0.15),
    # It answers for what has ended by another status, for good.
    "bybit": Manners(0.5, counts_trades=False, listed_after_end_ms=FOREVER),
}
