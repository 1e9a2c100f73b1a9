"""The smallest scene that each rule finds something in, and what else is odd about it."""

from __future__ import annotations

from itertools import cycle

from scene_support import candle, candles, listing, settlement, settlements

from market_assets.checks.scenes import CandleScene, FundingScene

Scene = CandleScene | FundingScene
DAYS = 15


def _unlike_move() -> Scene:
    """Fifteen days of moves up to 1.5 %, then one of 12 %."""
    closes = cycle((100.0, 100.5, 101.5, 100.0, 99.5))
    return candles([*(candle(hour, next(closes)) for hour in range(24 * DAYS)), candle(360, 112.0)])


def _unlike_volume() -> Scene:
    """Much is traded in the afternoons, little in the mornings; one morning as much."""
    usual = (
        candle(hour, volume=1_000.0 if hour % 24 >= 12 else 10.0 + hour // 24 % 3)
        for hour in range(24 * DAYS)
    )
    return candles([*usual, candle(360, volume=1_000.0)])


EXAMPLES: dict[str, Scene] = {
    "off_grid": candles([candle(0.5)]),
    "ohlc_inconsistent": candles([candle(0, high=99.0)]),
    "price_out_of_range": candles([candle(0, 100.0), candle(1, 1001.0)]),
    "price_jump": candles([candle(0, 100.0), candle(1, 121.0)]),
    "volume_outlier": candles(
        [*(candle(h, volume=9.0 + h % 2) for h in range(24)), candle(24, volume=20.0)]
    ),
    "return_anomaly": _unlike_move(),
    "volume_anomaly": _unlike_volume(),
    "cross_venue_divergence": candles([candle(0, 100.0)], others={"okx": [candle(0, 106.0)]}),
    "flat_run": candles([candle(hour, volume=0.0) for hour in range(3)]),
    "stale_symbol": candles([candle(0), *(candle(hour, symbol="ETHUSDT") for hour in (0, 12))]),
    "delisted_printing": candles([candle(0)], listings=[listing(delisted=0)]),
    "ticker_reused": candles([candle(0)], listings=[listing(-100), listing(1)]),
    "funding_off_schedule": settlements([settlement(0.5)]),
    "funding_interval_changed": settlements([settlement(0), settlement(4, every=4.0)]),
    "funding_outside_cap": settlements([settlement(0, 0.041)]),
}

# A price ten times its mean has got there by a jump.
ALSO_FOUND: dict[str, frozenset[str]] = {"price_out_of_range": frozenset({"price_jump"})}
