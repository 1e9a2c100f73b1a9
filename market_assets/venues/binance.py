"""Binance USD-M futures. https://developers.binance.com/docs/derivatives/usds-margined-futures"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from market_assets.schemas.timeline import INTERVALS
from market_assets.venues._binance_like import (
    CANDLE_PAGE_ROWS,
    EIGHT_HOURS,
    FUNDING_BUCKET,
    FUNDING_PAGE_ROWS,
    WEIGHT,
    BinanceLike,
    perpetuals,
)
from market_assets.venues.contract import Call, Instrument, VenueLimits


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

    def instrument_calls(self) -> Sequence[Call]:
        return (
            Call("instruments", f"{self.prefix}/exchangeInfo", {}, (("weight", 1),)),
            Call("funding_info", f"{self.prefix}/fundingInfo", {}, self.funding_cost),
        )

    def parse_instruments(self, bodies: Sequence[Any]) -> list[Instrument]:
        # fundingInfo names only the symbols whose terms were adjusted; the others have 8 hours.
        adjusted = {entry["symbol"]: entry for entry in (bodies[1] if len(bodies) > 1 else ())}
        return [
            self._instrument(entry, adjusted.get(entry["symbol"]))
            for entry in perpetuals(bodies[0])
        ]

    def _funding_terms(self, funding: Mapping[str, Any] | None) -> dict[str, float | None]:
        if funding is None:
            return {"funding_interval_hours": EIGHT_HOURS}
        return {
            "funding_interval_hours": float(funding["fundingIntervalHours"]),
            "funding_cap": float(funding["adjustedFundingRateCap"]),
            "funding_floor": float(funding["adjustedFundingRateFloor"]),
        }
