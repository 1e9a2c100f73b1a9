"""Binance USD-M futures. https://developers.binance.com/docs/derivatives/usds-margined-futures"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from market_assets.schemas.timeline import INTERVALS
from market_assets.venues._binance_like import (
    CANDLE_PAGE_ROWS,
    EIGHT_HOURS,
    FUNDING_BUCKET,
    FUNDING_PAGE_ROWS,
    WEIGHT,
    BinanceLike,
)
from market_assets.venues.contract import VenueLimits


class Binance(BinanceLike):
    name = "binance"
    prefix = "/fapi/v1"
    # fundingRate and fundingInfo share 500 requests in 5 minutes, outside of the weight.
    funding_cost = (("funding", 1),)
    limits = VenueLimits(
        buckets=(WEIGHT, FUNDING_BUCKET),
        intervals=frozenset(INTERVALS),
        candle_page_rows=CANDLE_PAGE_ROWS,
        funding_page_rows=FUNDING_PAGE_ROWS,
        used_weight_header=("X-MBX-USED-WEIGHT-1M", "weight"),
    )

    def _funding_terms(self, funding: Mapping[str, Any] | None) -> dict[str, float | None]:
        # fundingInfo names only the symbols whose terms were adjusted; the others have 8 hours.
        if funding is None:
            return {"funding_interval_hours": EIGHT_HOURS}
        return {
            "funding_interval_hours": float(funding["fundingIntervalHours"]),
            "funding_cap": float(funding["adjustedFundingRateCap"]),
            "funding_floor": float(funding["adjustedFundingRateFloor"]),
        }
