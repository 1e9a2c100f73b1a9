"""What time it is for the venues; the limits alone go by the wall clock."""

from __future__ import annotations

import time
from dataclasses import replace

from market_assets.simulator.config import ClockConfig
from market_assets.simulator.reading import Millis


class SimulatedClock:
    """Real, offset or frozen, with a skew for each venue."""

    def __init__(self, config: ClockConfig) -> None:
        self.set(config)

    def set(self, config: ClockConfig) -> None:
        self.config = config
        self._offset_ms = config.offset_ms
        if config.mode == "offset" and config.now is not None:
            self._offset_ms += config.now - _wall_ms()

    def advance(self, by_ms: int) -> None:
        if self.config.mode == "frozen" and self.config.now is not None:
            self.set(replace(self.config, now=Millis(self.config.now + by_ms)))
        else:
            self._offset_ms += by_ms

    def now(self, venue: str) -> int:
        """Milliseconds since 1970 as this venue sees them."""
        skew = self.config.skew_ms.get(venue, 0)
        if self.config.mode == "frozen" and self.config.now is not None:
            return self.config.now + skew
        return _wall_ms() + self._offset_ms + skew


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
