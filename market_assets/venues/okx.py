"""OKX v5 perpetual swaps. https://www.okx.com/docs-v5/en/

Pages come newest first, cursors are exclusive, an error can hide under HTTP 200, and sizes are
counted in contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from market_assets.schemas.timeline import DAY_MS, HOUR_MS, INTERVALS, Window
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

# `6H`, `12H`, `1D` are cut at 16:00 UTC (midnight in UTC+8): the `utc` bars are the ones to ask.
_BARS = {
    "1m": "1m",
    "3m": "3m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1H",
    "2h": "2H",
    "4h": "4H",
    "6h": "6Hutc",
    "12h": "12Hutc",
    "1d": "1Dutc",
}

CANDLE_PAGE_ROWS = 300
FUNDING_PAGE_ROWS = 400
# `candles` holds the newest 1,440 bars; a little less keeps the edge away while pages are fetched.
RECENT_BARS = 1_400

_THROTTLED = {"50011", "50013", "50040", "50061"}
_UNAVAILABLE = {"50001", "50004", "50005", "50026"}
_SYMBOL_UNKNOWN = {"51001", "51015"}

_STATUS = {
    "live": "trading",
    "preopen": "preopen",
    "suspend": "halted",
    "post_only": "halted",
    "rebase": "halted",
    "test": "halted",
    "settling": "settling",
    "expired": "delisted",
}

# [5] counts contracts; [6] is the same amount in base coin, which is what we store.
_CANDLE_FIELDS = candle_fields(volume=6, quote_volume=7)
_FUNDING_FIELDS = funding_fields("fundingTime", "realizedRate", predicted="fundingRate")


class Okx:
    name = "okx"
    limits = VenueLimits(
        buckets=(
            Bucket("candles", 40, 2.0),
            Bucket("history_candles", 20, 2.0),
            Bucket("funding_history", 10, 2.0),
            Bucket("funding", 10, 2.0),
            Bucket("instruments", 20, 2.0),
            Bucket("time", 10, 2.0),
        ),
        intervals=frozenset(_BARS),
        candle_page_rows=CANDLE_PAGE_ROWS,
        funding_page_rows=FUNDING_PAGE_ROWS,
        funding_history_ms=90 * DAY_MS,
    )

    def judge(self, status: int, body: Any) -> Verdict:
        """`code` is the truth: an error can come under HTTP 200."""
        if not isinstance(body, dict) or "code" not in body:
            if status < 400:
                return Verdict("unavailable", "an answer without OKX's envelope")
            return Verdict("refused", f"HTTP {status}")
        code = str(body["code"])
        if code == "0":
            if status < 400 and isinstance(body.get("data"), list):
                return OK
            return Verdict("unavailable", f"HTTP {status} with code 0 and no data")
        detail = f"{code} {body.get('msg', '')}"
        if code in _THROTTLED:
            return Verdict("throttled", detail)
        if code in _UNAVAILABLE:
            return Verdict("unavailable", detail)
        if code in _SYMBOL_UNKNOWN:
            return Verdict("symbol_unknown", detail)
        return Verdict("refused", detail)

    def time_call(self) -> Call:
        return Call("time", "/api/v5/public/time", {}, (("time", 1),))

    def parse_time(self, body: Any) -> int:
        return int(body["data"][0]["ts"])

    def instrument_calls(self) -> Sequence[Call]:
        return (
            Call(
                "instruments",
                "/api/v5/public/instruments",
                {"instType": "SWAP"},
                (("instruments", 1),),
            ),
            Call(
                "funding_info",
                "/api/v5/public/funding-rate",
                {"instId": "ANY"},
                (("funding", 1),),
            ),
        )

    def parse_instruments(self, bodies: Sequence[Any]) -> list[Instrument]:
        funding = {
            entry["instId"]: entry for entry in (bodies[1]["data"] if len(bodies) > 1 else ())
        }
        return [
            self._instrument(entry, funding.get(entry["instId"], {}))
            for entry in bodies[0]["data"]
            # Inverse swaps count in dollars and are another product; announced ones lack fields.
            if entry.get("ctType") == "linear" and entry.get("listTime")
        ]

    def _instrument(self, entry: dict[str, Any], funding: dict[str, Any]) -> Instrument:
        # baseCcy and quoteCcy are empty for swaps.
        base, quote = (entry.get("uly") or entry["instFamily"]).split("-")[:2]
        size = float(entry["ctVal"]) * float(entry.get("ctMult") or 1)
        interval = None
        if funding.get("nextFundingTime") and funding.get("fundingTime"):
            interval = (int(funding["nextFundingTime"]) - int(funding["fundingTime"])) / HOUR_MS
        return Instrument(
            venue=self.name,
            symbol=base + quote,
            native_symbol=entry["instId"],
            base=base,
            quote=quote,
            settle=entry["settleCcy"],
            contract_size=size,
            tick_size=float(entry["tickSz"]),
            lot_size=float(entry["lotSz"]) * size,
            status=_STATUS.get(entry["state"], "halted"),
            listed_at=int(entry["listTime"]),
            delisted_at=int(entry["expTime"]) if entry.get("expTime") else None,
            funding_interval_hours=interval,
            funding_cap=float(funding["maxFundingRate"]) if funding.get("maxFundingRate") else None,
            funding_floor=(
                float(funding["minFundingRate"]) if funding.get("minFundingRate") else None
            ),
        )

    def candles_call(self, instrument: Instrument, interval: str, window: Window, now: int) -> Call:
        step = INTERVALS[interval]
        recent = window.start > now - RECENT_BARS * step
        return self._candles(
            instrument,
            interval,
            window,
            "candles" if recent else "history_candles",
            # Cursors are exclusive on both sides, and `before` alone would mean the newest page.
            {"before": window.start - 1, "after": window.end},
        )

    def oldest_call(self, instrument: Instrument, interval: str, oldest: int) -> Call:
        # Older than the one after `oldest`: it comes back alone when nothing is older.
        end = oldest + INTERVALS[interval]
        return self._candles(
            instrument, interval, Window(0, end), "history_candles", {"after": end}
        )

    def _candles(
        self,
        instrument: Instrument,
        interval: str,
        window: Window,
        bucket: str,
        cursors: dict[str, str | int],
    ) -> Call:
        return Call(
            bucket,
            f"/api/v5/market/{bucket.replace('_', '-')}",
            {
                "instId": instrument.native_symbol,
                "bar": _BARS[interval],
                **cursors,
                "limit": CANDLE_PAGE_ROWS,
            },
            ((bucket, 1),),
            instrument.symbol,
            window,
            CANDLE_PAGE_ROWS,
        )

    def parse_candles(self, body: Any) -> Rows:
        # `confirm` "0" is the candle still being made.
        closed = [row for row in body["data"] if row[8:9] != ["0"]]
        closed.reverse()
        return read_rows(closed, _CANDLE_FIELDS)

    def funding_call(self, instrument: Instrument, window: Window) -> Call:
        return Call(
            "funding_history",
            "/api/v5/public/funding-rate-history",
            {
                "instId": instrument.native_symbol,
                "before": window.start - 1,
                "after": window.end,
                "limit": FUNDING_PAGE_ROWS,
            },
            (("funding_history", 1),),
            instrument.symbol,
            window,
            FUNDING_PAGE_ROWS,
        )

    def parse_funding(self, body: Any) -> Rows:
        return read_rows(list(reversed(body["data"])), _FUNDING_FIELDS)

    def prediction_call(self, instrument: Instrument) -> Call:
        return Call(
            "predicted_funding",
            "/api/v5/public/funding-rate",
            {"instId": instrument.native_symbol},
            (("funding", 1),),
            instrument.symbol,
        )

    def parse_prediction(self, body: Any, instrument: Instrument) -> Prediction:
        entry = body["data"][0]
        return Prediction(
            instrument.symbol, float(entry["fundingRate"]), int(entry["fundingTime"]), None
        )
