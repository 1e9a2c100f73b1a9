"""Aster DEX futures. https://github.com/asterdex/api-docs (V3)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from market_assets.schemas.timeline import INTERVALS
from market_assets.venues._binance_like import (
    CANDLE_PAGE_ROWS,
    FUNDING_PAGE_ROWS,
    WEIGHT,
    BinanceLike,
)
from market_assets.venues.contract import VenueLimits


class Aster(BinanceLike):
    name = "aster"
    prefix = "/fapi/v3"
    funding_cost = (("weight", 1),)
    limits = VenueLimits(
        buckets=(WEIGHT,),
        intervals=frozenset(INTERVALS),
        candle_page_rows=CANDLE_PAGE_ROWS,
        funding_page_rows=FUNDING_PAGE_ROWS,
        used_weight_header=("X-MBX-USED-WEIGHT-1M", "weight"),
    )

    def _funding_terms(self, funding: Mapping[str, Any] | None) -> dict[str, float | None]:
        # fundingInfo names every symbol here: one it leaves out has terms we don't know.
        if funding is None:
            return {}
        return {
            "funding_interval_hours": float(funding["fundingIntervalHours"]),
            "funding_cap": float(funding["fundingFeeCap"]),
            "funding_floor": float(funding["fundingFeeFloor"]),
        }
