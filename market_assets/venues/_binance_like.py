"""The dialect Binance invented and Aster speaks too: weights, klines, funding, error codes.

Not a venue itself. Paths, caps and instrument details differ and stand in the venues' own files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from market_assets.schemas.timeline import INTERVALS, Window
from market_assets.venues._columns import candle_fields, funding_fields, read_rows
from market_assets.venues.contract import (
    OK,
    Bucket,
    Call,
    Instrument,
    Prediction,
    Rows,
    VenueLimits,
    Verdict,
)

WEIGHT = Bucket("weight", 2400, 60.0)
FUNDING_BUCKET = Bucket("funding", 500, 300.0)
EIGHT_HOURS = 8.0

# A perpetual with no delisting announced carries this delivery date (2100-12-25).
NEVER = 4_133_404_800_000

# 499 rows cost weight 2, 1500 cost 10: most rows for the weight (facts: +66 % over 1500 a page).
CANDLE_PAGE_ROWS = 499
FUNDING_PAGE_ROWS = 1000

_THROTTLED = {-1003, -1015}
_UNAVAILABLE = {-1000, -1001, -1007, -1008, -1016}
_SYMBOL_UNKNOWN = {-1121}

_STATUS = {
    "PENDING_TRADING": "preopen",
    "TRADING": "trading",
    "PRE_SETTLE": "settling",
    "SETTLING": "settling",
    "PRE_DELIVERING": "settling",
    "DELIVERING": "settling",
    "DELIVERED": "delisted",
    "CLOSE": "delisted",
}

_CANDLE_FIELDS = candle_fields(
    volume=5, quote_volume=7, num_trades=8, taker_buy_volume=9, taker_buy_quote_volume=10
)
_FUNDING_FIELDS = funding_fields("fundingTime", "fundingRate", mark_price="markPrice")


def klines_weight(limit: int) -> int:
    if limit < 100:
        return 1
    if limit < 500:
        return 2
    return 5 if limit <= 1000 else 10


class BinanceLike:
    """Everything the two dialects share; a venue adds its name, prefix and instruments."""

    name: str
    prefix: str
    limits: VenueLimits
    # What one funding-history page costs; Binance has a bucket of its own for it.
    funding_cost: tuple[tuple[str, int], ...]

    def judge(self, status: int, body: Any) -> Verdict:
        if not isinstance(body, dict) or "code" not in body:
            return OK if status < 400 else Verdict("refused", f"HTTP {status}")
        code, text = body.get("code"), str(body.get("msg", ""))
        if code in (0, 200) and status < 400:
            return OK
        detail = f"{code} {text}"
        if code in _THROTTLED:
            until = re.search(r"banned until (\d{13})", text)
            return Verdict("throttled", detail, int(until[1]) if until else None)
        # Aster says "Invalid symbol." under the code of an unknown error.
        if code in _SYMBOL_UNKNOWN or "invalid symbol" in text.lower():
            return Verdict("symbol_unknown", detail)
        if code in _UNAVAILABLE:
            return Verdict("unavailable", detail)
        return Verdict("refused", detail)

    def time_call(self) -> Call:
        return Call("time", f"{self.prefix}/time", {}, (("weight", 1),))

    def parse_time(self, body: Any) -> int:
        return int(body["serverTime"])

    def candles_call(
        self,
        instrument: Instrument,
        interval: str,
        window: Window,
        now: int,  # noqa: ARG002  # OKX needs it to choose between two endpoints
    ) -> Call:
        rows = -(-window.length // INTERVALS[interval])
        limit = max(1, min(rows, CANDLE_PAGE_ROWS))
        return Call(
            "klines",
            f"{self.prefix}/klines",
            {
                "symbol": instrument.native_symbol,
                "interval": interval,
                "startTime": window.start,
                "endTime": window.end - 1,  # both ends are inclusive on the wire
                "limit": limit,
            },
            (("weight", klines_weight(limit)),),
            instrument.symbol,
            window,
            limit,
        )

    def parse_candles(self, body: Any) -> Rows:
        return read_rows(body, _CANDLE_FIELDS)

    def oldest_call(self, instrument: Instrument, interval: str, oldest: int) -> Call:
        return Call(
            "klines",
            f"{self.prefix}/klines",
            {
                "symbol": instrument.native_symbol,
                "interval": interval,
                "startTime": 0,
                "limit": 1,
            },
            (("weight", 1),),
            instrument.symbol,
            Window(0, oldest + INTERVALS[interval]),
            1,
        )

    def funding_call(self, instrument: Instrument, window: Window) -> Call:
        return Call(
            "funding",
            f"{self.prefix}/fundingRate",
            {
                "symbol": instrument.native_symbol,
                "startTime": window.start,
                "endTime": window.end - 1,
                "limit": FUNDING_PAGE_ROWS,
            },
            self.funding_cost,
            instrument.symbol,
            window,
            FUNDING_PAGE_ROWS,
        )

    def parse_funding(self, body: Any) -> Rows:
        # A stock dividend is charged as an extra `Special` row beside the regular settlement.
        regular = [
            row
            for row in body
            if not isinstance(row, dict) or row.get("rateType", "Regular") == "Regular"
        ]
        return read_rows(regular, _FUNDING_FIELDS)

    def prediction_call(self, instrument: Instrument) -> Call:
        return Call(
            "predicted_funding",
            f"{self.prefix}/premiumIndex",
            {"symbol": instrument.native_symbol},
            (("weight", 1),),
            instrument.symbol,
        )

    def parse_prediction(self, body: Any, instrument: Instrument) -> Prediction:
        return Prediction(
            instrument.symbol,
            float(body["lastFundingRate"]),
            int(body["nextFundingTime"]),
            float(body["markPrice"]) if body.get("markPrice") else None,
        )

    def instrument_calls(self) -> Sequence[Call]:
        return (
            Call("instruments", f"{self.prefix}/exchangeInfo", {}, (("weight", 1),)),
            Call("funding_info", f"{self.prefix}/fundingInfo", {}, self.funding_cost),
        )

    def parse_instruments(self, bodies: Sequence[Any]) -> list[Instrument]:
        funding = {entry["symbol"]: entry for entry in (bodies[1] if len(bodies) > 1 else ())}
        return [
            self._instrument(entry, funding.get(entry["symbol"]))
            for entry in bodies[0]["symbols"]
            # Dated contracts are another product.
            if entry.get("contractType") == "PERPETUAL"
        ]

    def _instrument(
        self, entry: Mapping[str, Any], funding: Mapping[str, Any] | None
    ) -> Instrument:
        filters = {f["filterType"]: f for f in entry["filters"]}
        delivery = int(entry.get("deliveryDate") or NEVER)
        return Instrument(
            venue=self.name,
            symbol=entry["baseAsset"] + entry["quoteAsset"],
            native_symbol=entry["symbol"],
            base=entry["baseAsset"],
            quote=entry["quoteAsset"],
            settle=entry["marginAsset"],
            contract_size=1.0,
            tick_size=float(filters["PRICE_FILTER"]["tickSize"]),
            lot_size=float(filters["LOT_SIZE"]["stepSize"]),
            status=_STATUS.get(entry["status"], "halted"),
            listed_at=int(entry["onboardDate"]),
            delisted_at=delivery if delivery < NEVER else None,
            **self._funding_terms(funding),
        )

    def _funding_terms(self, funding: Mapping[str, Any] | None) -> dict[str, float | None]:
        """Interval, cap and floor out of fundingInfo's entry, None where it has none."""
        raise NotImplementedError
