"""Every number that a rule compares with, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.schemas.rules import FUNDING_CEILING, FUNDING_JITTER_MS
from market_assets.schemas.timeline import DAY_MS

if TYPE_CHECKING:
    from market_assets.settings import Settings

# What the flags of marts.ohlcv and marts.funding_rates look back at.
WEEK_MS = 7 * DAY_MS
MONTH_MS = 30 * DAY_MS
# A z-score of fewer volumes says nothing; the same number is in marts.ohlcv.
LEAST_VOLUMES = 24


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds. The defaults are those of the settings: a test compares them."""

    price_jump_percent: float = 20.0
    price_range_factor: float = 10.0
    volume_z_score: float = 8.0
    cross_venue_percent: float = 5.0
    flat_run_candles: int = 3
    stale_candles: int = 12
    anomaly_days: int = 30
    anomaly_least: int = 14
    anomaly_score: float = 8.0
    # Prices on both sides of a gap that are this many times apart are of two instruments.
    reuse_price_factor: float = 5.0
    # No venue charges more in one settlement; counts where an instrument names no cap of its own.
    funding_ceiling: float = FUNDING_CEILING
    # A settlement can be stamped a little after its minute.
    funding_drift_seconds: float = FUNDING_JITTER_MS / 1000

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The thresholds of one installation."""
        thresholds, marts, quality = settings.thresholds, settings.marts, settings.quality
        return cls(
            price_jump_percent=thresholds.price_jump_percent,
            price_range_factor=marts.price_range_factor,
            volume_z_score=marts.volume_z_score,
            cross_venue_percent=thresholds.cross_venue_percent,
            flat_run_candles=marts.flat_run_candles,
            stale_candles=quality.stale_candles,
            anomaly_days=quality.anomaly_days,
            anomaly_least=quality.anomaly_least,
            anomaly_score=quality.anomaly_score,
        )

    def look_back_ms(self, step_ms: int) -> int:
        """How long before its window a scene has to hold rows, for candles of this length.

        A return of the first day that anomalies compare with needs the candle before that day.
        """
        runs = (max(self.stale_candles, self.flat_run_candles) + 1) * step_ms
        return max(WEEK_MS, runs, (self.anomaly_days + 1) * DAY_MS + step_ms)
