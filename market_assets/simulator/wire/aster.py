"""Aster, where it differs from Binance."""

from __future__ import annotations

from market_assets.simulator.answers import Answer, Endpoint, Params, json_answer
from market_assets.simulator.config import LimitsConfig
from market_assets.simulator.funding import INTEREST, Settlement, hours_at
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.limits import BinanceLikeLimits
from market_assets.simulator.stats import VenueStats
from market_assets.simulator.wire.binance_like import BinanceLike


class Aster(BinanceLike):
    """`/fapi/v3` and the older `/fapi/v1`; leaner rows, and fundingInfo of all symbols."""

    venue = "aster"
    prefixes = ("/fapi/v3", "/fapi/v1")

    @staticmethod
    def limits(config: LimitsConfig, stats: VenueStats) -> BinanceLikeLimits:
        return BinanceLikeLimits(config, stats, retry_after=config.aster_retry_after)

    def minimum_notional(self, _item: Instrument) -> str:
        return "1"

    def order_fields(self) -> dict[str, object]:
        return {
            "OrderType": ["LIMIT", "MARKET", "STOP"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX", "HIDDEN"],
        }

    def funding_rows(self, item: Instrument, settled: list[Settlement]) -> list[bytes]:
        symbol = item.symbol.encode()
        return [
            b'{"symbol":"%s","fundingTime":%d,"fundingRate":"%.8f"}' % (symbol, each.raw, each.rate)
            for each in settled
        ]

    def funding_rate_endpoint(self) -> Endpoint:
        return Endpoint("funding", self.funding_rate)

    def funding_info_endpoint(self) -> Endpoint:
        return Endpoint("instruments", self.funding_info)

    def funding_info(self, params: Params, now: int) -> Answer:
        chosen = [self.known(params, now)] if "symbol" in params else self.shown(now)
        return json_answer(
            [
                {
                    "symbol": item.symbol,
                    "interestRate": f"{INTEREST:.8f}",
                    "time": now,
                    "fundingIntervalHours": hours_at(item, now),
                    "fundingFeeCap": item.funding_cap,
                    "fundingFeeFloor": -item.funding_cap,
                }
                for item in chosen
            ]
        )
