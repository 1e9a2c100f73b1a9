"""Binance USD-M futures, where it is its own."""

from __future__ import annotations

from typing import Final

import numpy as np

from market_assets.simulator.answers import Answer, Endpoint, Params, json_answer
from market_assets.simulator.config import LimitsConfig
from market_assets.simulator.funding import Settlement, hours_at
from market_assets.simulator.instruments import DEFAULT_FUNDING_CAP, Instrument
from market_assets.simulator.limits import BinanceLikeLimits
from market_assets.simulator.reading import millis
from market_assets.simulator.stats import VenueStats
from market_assets.simulator.wire.binance_like import BinanceLike

# Rows from before this have an empty markPrice.
_MARK_PRICE_SINCE: Final = millis("2023-11-01")
_UNBOUNDED_FUNDING_ROWS: Final = 200


class Binance(BinanceLike):
    """`/fapi/v1`; funding history and info share a bucket of their own."""

    venue = "binance"
    prefixes = ("/fapi/v1",)
    premium_index_weight_of_all = 10

    @staticmethod
    def limits(config: LimitsConfig, stats: VenueStats) -> BinanceLikeLimits:
        return BinanceLikeLimits(config, stats, retry_after=True)

    def funding_default_unbounded(self) -> int:
        return _UNBOUNDED_FUNDING_ROWS

    def funding_rows(self, item: Instrument, settled: list[Settlement]) -> list[bytes]:
        symbol = item.symbol.encode()
        marks = self.mark_prices(item, np.array([each.at for each in settled], dtype=np.int64))
        return [
            b'{"symbol":"%s","fundingTime":%d,"fundingRate":"%.8f","markPrice":"%s",'
            b'"rateType":"Regular"}'
            % (
                symbol,
                each.raw,
                each.rate,
                b"%.8f" % mark if each.at >= _MARK_PRICE_SINCE else b"",
            )
            for each, mark in zip(settled, marks.tolist(), strict=True)
        ]

    def funding_rate_endpoint(self) -> Endpoint:
        return Endpoint("funding", self.funding_rate, funding_bucket=True)

    def funding_info_endpoint(self) -> Endpoint:
        return Endpoint("instruments", self.funding_info, funding_bucket=True)

    def funding_info(self, _params: Params, now: int) -> Answer:
        """Only what was adjusted; what is not listed has 8 h and the default cap."""
        return json_answer(
            [
                {
                    "symbol": item.symbol,
                    "adjustedFundingRateCap": f"{item.funding_cap:.8f}",
                    "adjustedFundingRateFloor": f"{-item.funding_cap:.8f}",
                    "fundingIntervalHours": hours_at(item, now),
                    "disclaimer": False,
                }
                for item in self.shown(now)
                if hours_at(item, now) != 8 or item.funding_cap != DEFAULT_FUNDING_CAP
            ]
        )
