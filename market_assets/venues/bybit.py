"""Bybit v5 linear perpetuals. https://bybit-exchange.github.io/docs/v5/intro

Pages come newest first, an error hides under HTTP 200, and nothing marks the candle in progress:
what has closed, the venue's clock says. What is marked [M] no document of ours confirms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from market_assets.schemas.timeline import INTERVALS, NO_TIME, Window
from market_assets.venues._columns import candle_fields, funding_fields, read_rows
from market_assets.venues.contract import (
    OK,
    Ban,
    Bucket,
    Call,
    Instrument,
    Prediction,
    Rows,
    VenueLimits,
    Verdict,
    VerdictKind,
)

# https://bybit-exchange.github.io/docs/v5/enum#interval: minutes, and D for the UTC day [M].
_BARS = {name: str(ms // 60_000) for name, ms in INTERVALS.items() if name != "8h"} | {"1d": "D"}
CANDLE_PAGE_ROWS = 1000
FUNDING_PAGE_ROWS = 200

# https://bybit-exchange.github.io/docs/v5/error; 10000 (a timeout) and 10018 (of the address): [M].
_MEANS: dict[int, VerdictKind] = {
    10000: "unavailable", 10006: "throttled", 10009: "geo_blocked", 10016: "unavailable",
    10018: "throttled", 10024: "geo_blocked", 10029: "symbol_unknown",
}  # fmt: skip

# What `status` is asked for, one list each; "Trading" alone is what comes unasked.
_STATUS = {
    "Trading": "trading", "PreLaunch": "preopen", "Delivering": "settling", "Closed": "delisted",
}  # fmt: skip
# Of linear contracts [5] is in base coin and [6] in quote; of inverse ones the other way round.
_CANDLE_FIELDS = candle_fields(volume=5, quote_volume=6)
_FUNDING_FIELDS = funding_fields("fundingRateTimestamp", "fundingRate")


class Bybit:
    name = "bybit"
    limits = VenueLimits(
        # https://bybit-exchange.github.io/docs/v5/rate-limit: over it 403, for at least 10 minutes.
        buckets=(Bucket("address", 600, 5.0),),
        intervals=frozenset(_BARS),
        candle_page_rows=CANDLE_PAGE_ROWS,
        funding_page_rows=FUNDING_PAGE_ROWS,
        reset_header="X-Bapi-Limit-Reset-Timestamp",
        ban=Ban(403, "access too frequent", 600.0),
    )

    def judge(self, status: int, body: Any) -> Verdict:
        """`retCode` is the truth: an error comes under HTTP 200."""
        if not isinstance(body, dict) or "retCode" not in body:
            kind: VerdictKind = "unavailable" if status < 400 else "refused"
            return Verdict(kind, f"HTTP {status}, and no retCode")
        code, text = body["retCode"], str(body.get("retMsg", ""))
        if code == 0:
            whole = status < 400 and isinstance(body.get("result"), dict)
            return OK if whole else Verdict("unavailable", f"HTTP {status} without a result")
        # 10001 is of any parameter: only the words tell that it is the symbol [M].
        symbol = code == 10001 and "symbol" in text.lower()
        kind = "symbol_unknown" if symbol else _MEANS.get(code, "refused")
        return Verdict(kind, f"{code} {text}")

    def time_call(self) -> Call:
        return _get("time", "time")

    def parse_time(self, body: Any) -> int:
        return int(body["time"])

    def instrument_calls(self) -> Sequence[Call]:
        def rest(body: Any) -> Mapping[str, str] | None:
            cursor = body["result"].get("nextPageCursor")
            return {"cursor": cursor} if cursor else None

        calls = [_get("instruments", "instruments-info", status=s, limit=1000) for s in _STATUS]
        return [replace(call, next_page=rest) for call in calls]

    def parse_instruments(self, bodies: Sequence[Any]) -> list[Instrument]:
        found = {
            entry["symbol"]: self._instrument(entry)
            # What trades counts, should an older contract of the same name be among the closed.
            for body in reversed(bodies)
            for entry in body["result"]["list"]
            # Dated contracts are another product; an announced one can have no time yet [M].
            if entry.get("contractType") == "LinearPerpetual" and int(entry["launchTime"])
        }
        return list(found.values())

    def _instrument(self, entry: Mapping[str, Any]) -> Instrument:
        return Instrument(
            venue=self.name,
            # Not `symbol`: BTCPERP is what it calls BTC in USDC.
            symbol=entry["baseCoin"] + entry["quoteCoin"],
            native_symbol=entry["symbol"],
            base=entry["baseCoin"],
            quote=entry["quoteCoin"],
            settle=entry["settleCoin"],
            contract_size=1.0,
            tick_size=float(entry["priceFilter"]["tickSize"]),
            lot_size=float(entry["lotSizeFilter"]["qtyStep"]),
            status=_STATUS.get(entry["status"], "halted"),
            listed_at=int(entry["launchTime"]),
            # "0" until a delisting is announced.
            delisted_at=int(entry.get("deliveryTime") or 0) or None,
            funding_interval_hours=entry["fundingInterval"] / 60 or None,  # told in minutes
            funding_cap=_number(entry.get("upperFundingRate")),
            funding_floor=_number(entry.get("lowerFundingRate")),
        )

    # OKX needs `now` to choose between two endpoints.
    def candles_call(self, instrument: Instrument, interval: str, window: Window, now: int) -> Call:  # noqa: ARG002
        # Both ends are included; `start` among them is [M].
        limit = max(1, min(-(-window.length // INTERVALS[interval]), CANDLE_PAGE_ROWS))
        bounds = {"start": window.start, "end": window.end - 1, "limit": limit}
        return _of(instrument, _get("kline", "kline", interval=_BARS[interval], **bounds), window)

    def oldest_call(self, instrument: Instrument, interval: str, oldest: int) -> Call:
        # The page that ends with `oldest`: it comes back alone when nothing is older.
        bounds = {"end": oldest, "limit": CANDLE_PAGE_ROWS}
        window = Window(0, oldest + INTERVALS[interval])
        return _of(instrument, _get("kline", "kline", interval=_BARS[interval], **bounds), window)

    def parse_candles(self, body: Any) -> Rows:
        return read_rows(body["result"]["list"][::-1], _CANDLE_FIELDS)

    def funding_call(self, instrument: Instrument, window: Window) -> Call:
        # With `startTime` alone it is an error.
        bounds = {"startTime": window.start, "endTime": window.end - 1, "limit": FUNDING_PAGE_ROWS}
        return _of(instrument, _get("funding_history", "funding/history", **bounds), window)

    def parse_funding(self, body: Any) -> Rows:
        return read_rows(body["result"]["list"][::-1], _FUNDING_FIELDS)

    def prediction_call(self, instrument: Instrument) -> Call:
        return _of(instrument, _get("predicted_funding", "tickers"))

    def parse_prediction(self, body: Any, instrument: Instrument) -> Prediction:
        (entry,) = body["result"]["list"]
        rate, due = float(entry["fundingRate"]), int(entry["nextFundingTime"])
        return Prediction(instrument.symbol, rate, due, _number(entry.get("markPrice")))


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _get(endpoint: str, path: str, **asked: str | int) -> Call:
    limit = int(asked.get("limit", 0))
    params = {"category": "linear", **asked}
    return Call(endpoint, f"/v5/market/{path}", params, (("address", 1),), limit=limit)


def _of(instrument: Instrument, call: Call, window: Window = NO_TIME) -> Call:
    params = {**call.params, "symbol": instrument.native_symbol}
    return replace(call, params=params, symbol=instrument.symbol, window=window)
