"""OKX v5, swaps: newest first, exclusive cursors, contracts, and errors under HTTP 200."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from market_assets.simulator.answers import Answer, Endpoint, Page, Params, Refused, json_answer
from market_assets.simulator.bars import Bars, Row, Series
from market_assets.simulator.funding import Settlement
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import (
    DAY_MS,
    FOREVER,
    HONG_KONG_OFFSET_MINUTES,
    MINUTE_MS,
    floor_to,
)
from market_assets.simulator.limits import OkxLimits
from market_assets.simulator.noise import Ints
from market_assets.simulator.rows import text_rows
from market_assets.simulator.wire._twin import Twin

# The name of a bar -> (minutes, shift of its grid in minutes).
BARS: Final[dict[str, tuple[int, int]]] = {
    "1m": (1, 0),
    "3m": (3, 0),
    "5m": (5, 0),
    "15m": (15, 0),
    "30m": (30, 0),
    "1H": (60, 0),
    "2H": (120, 0),
    "4H": (240, 0),
    "6H": (360, HONG_KONG_OFFSET_MINUTES),
    "12H": (720, HONG_KONG_OFFSET_MINUTES),
    "1D": (1440, HONG_KONG_OFFSET_MINUTES),
    "6Hutc": (360, 0),
    "12Hutc": (720, 0),
    "1Dutc": (1440, 0),
}
RECENT_BARS: Final = 1440
CANDLES_DEFAULT: Final = 100
CANDLES_MAXIMUM: Final = 300
FUNDING_ROWS: Final = 400
FUNDING_HISTORY_MS: Final = 90 * DAY_MS
_HEAD: Final = b'{"code":"0","msg":"","data":['
_TAIL: Final = b"]}"
_UNAVAILABLE: Final = "Service temporarily unavailable. Try again later"
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


def write_candles(bars: Bars, columns: Ints, instrument: Instrument, closed: bool) -> list[bytes]:
    """Rows of nine: volume in contracts, in base coin and in quote, and whether it is closed."""
    price = instrument.price_decimals
    size = instrument.volume_decimals("okx")
    contract = -int(_power_of_ten(instrument.okx_lot))
    values = bars.values[:, columns]
    parts = [(values[row], price) for row in (Row.OPEN, Row.HIGH, Row.LOW, Row.CLOSE)]
    parts += [(values[Row.VOLUME], contract), (values[Row.VOLUME], size)]
    parts += [(values[Row.QUOTE], price + size)]
    return text_rows(bars.opens()[columns], parts, b',"1"]' if closed else b',"0"]')


class Okx(Twin):
    """The public endpoints for swaps."""

    venue = "okx"
    said: Mapping[int, object] = {
        500: {"code": "50026", "msg": "System error. Try again later", "data": []},
        503: {"code": "50001", "msg": _UNAVAILABLE, "data": []},
    }
    said_under_200: object = {"code": "50001", "msg": _UNAVAILABLE, "data": []}
    limits = OkxLimits
    writer = staticmethod(write_candles)

    def endpoints(self) -> dict[str, Endpoint]:
        def endpoint(
            kind: str,
            respond: Callable[[Params, int], Answer | Page],
            per_two_seconds: int,
            counted_by: str | None = None,
        ) -> Endpoint:
            return Endpoint(
                kind,
                respond,
                per_two_seconds=per_two_seconds,
                counted_as=respond.__name__,
                counted_by=counted_by,
            )

        return {
            "/api/v5/public/time": endpoint("time", self.time, 10),
            "/api/v5/public/instruments": endpoint("instruments", self.instruments, 20, "instType"),
            "/api/v5/market/candles": endpoint("candles", self.candles, 40),
            "/api/v5/market/history-candles": endpoint("candles", self.history_candles, 20),
            "/api/v5/public/funding-rate": endpoint("funding", self.funding_rate, 10, "instId"),
            "/api/v5/public/funding-rate-history": endpoint(
                "funding", self.funding_history, 10, "instId"
            ),
        }

    def time(self, _params: Params, now: int) -> Answer:
        return _data([{"ts": str(now)}])

    def candles(self, params: Params, now: int) -> Page:
        """The recent bars, the unfinished one included."""
        return self._candles(params, now, recent=True)

    def history_candles(self, params: Params, now: int) -> Page:
        """All bars that are complete."""
        return self._candles(params, now, recent=False)

    def _candles(self, params: Params, now: int, *, recent: bool) -> Page:
        instrument = self._known(params, now)
        bar = params.get("bar") or "1m"
        if bar not in BARS:
            raise refused("51000", "Parameter bar error")
        minutes, offset = BARS[bar]
        older, newer = _cursors(params)
        limit = _limit(params, CANDLES_DEFAULT, CANDLES_MAXIMUM)
        start = 0 if newer is None else newer + 1
        end = FOREVER if older is None else older - 1
        if recent:
            edge = floor_to(now, minutes, offset) - (RECENT_BARS - 1) * minutes * MINUTE_MS
            start = max(start, edge)
        series = Series(self.venue, instrument.symbol, minutes, offset)
        rows = self._rows.newest(series, (start, end), limit, now, with_open=recent)
        rows.reverse()
        return Page(rows, _HEAD, _TAIL)

    def instruments(self, params: Params, now: int) -> Answer:
        kind = params.get("instType", "")
        if not kind:
            raise refused("50014", "Parameter instType cannot be empty.")
        if kind not in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"):
            raise refused("51000", "Parameter instType error")
        if kind != "SWAP":
            return _data([])
        wanted, family = params.get("instId"), params.get("instFamily")
        listed = self.shown(now)
        if wanted:
            listed = [item for item in listed if item.okx_id == wanted]
            if not listed:
                raise _unknown()
        if family:
            listed = [item for item in listed if f"{item.base}-{item.quote}" == family]
        return _data([_instrument_row(item, now) for item in listed])

    def funding_rate(self, params: Params, now: int) -> Answer:
        if params.get("instId") == "ANY":
            listed = self.shown(now)
        else:
            listed = [self._known(params, now)]
            if not listed[0].shown(self.venue, now):
                raise _unknown()
        return _data([self._funding_row(item, now) for item in listed])

    def funding_history(self, params: Params, now: int) -> Page:
        instrument = self._known(params, now)
        older, newer = _cursors(params)
        limit = _limit(params, FUNDING_ROWS, FUNDING_ROWS)
        start = max(0 if newer is None else newer + 1, now - FUNDING_HISTORY_MS)
        end = now if older is None else older - 1
        found = self.funding.settled(self.venue, instrument, start, end, now)
        rows = [_history_row(instrument, item) for item in reversed(found[-limit:])]
        return Page(rows, _HEAD, _TAIL)

    def _funding_row(self, item: Instrument, now: int) -> dict[str, object]:
        ahead = self.funding.upcoming(self.venue, item, now)
        done = self.funding.settled(self.venue, item, now - 2 * DAY_MS, now, now)
        estimate = self.funding.estimate(self.venue, item, now)
        return {
            "instType": "SWAP",
            "instId": item.okx_id,
            "method": "current_period",
            "formulaType": "noRate",
            "fundingRate": f"{estimate:.13f}",
            "fundingTime": str(ahead[0][0]) if ahead else "",
            "nextFundingRate": "",
            "nextFundingTime": str(ahead[1][0]) if len(ahead) > 1 else "",
            "minFundingRate": f"{-item.funding_cap:g}",
            "maxFundingRate": f"{item.funding_cap:g}",
            "interestRate": "",
            "impactValue": "",
            "premium": f"{estimate / 2:.13f}",
            "settState": "settled",
            "settFundingRate": f"{done[-1].rate:.13f}" if done else "",
            "ts": str(now),
        }

    def _known(self, params: Params, now: int) -> Instrument:
        wanted = params.get("instId", "")
        if not wanted:
            raise refused("50014", "Parameter instId cannot be empty.")
        for item in self.market.instruments.values():
            if item.okx_id == wanted and item.known(self.venue, now):
                return item
        raise _unknown()


def refused(code: str, text: str, status: int = 400) -> Refused:
    return Refused(json_answer({"code": code, "msg": text, "data": []}, status))


def _unknown() -> Refused:
    return refused("51001", "Instrument ID or Spread ID doesn't exist.", 200)


def _power_of_ten(lot: str) -> int:
    whole, _, part = lot.partition(".")
    return -len(part) if part else len(whole) - 1


def _data(rows: list[dict[str, object]]) -> Answer:
    return json_answer({"code": "0", "msg": "", "data": rows})


def _history_row(item: Instrument, settlement: Settlement) -> bytes:
    return orjson.dumps(
        {
            "instType": "SWAP",
            "instId": item.okx_id,
            "formulaType": "noRate",
            "fundingRate": f"{settlement.predicted:.13f}",
            "realizedRate": f"{settlement.rate:.13f}",
            "fundingTime": str(settlement.raw),
            "method": "current_period",
        }
    )


def _instrument_row(item: Instrument, now: int) -> dict[str, object]:
    family = f"{item.base}-{item.quote}"
    return {
        "instType": "SWAP",
        "instId": item.okx_id,
        "instIdCode": 10_000 + sum(item.symbol.encode()),
        "uly": family,
        "instFamily": family,
        "groupId": "4",
        "category": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": item.quote,
        "ctType": "linear",
        "ctVal": item.ct_val,
        "ctMult": item.ct_mult,
        "ctValCcy": item.base,
        "optType": "",
        "stk": "",
        "listTime": str(item.listing("okx")),
        "expTime": str(item.delisted) if item.delisting_announced(now) else "",
        "contTdSwTime": "",
        "preMktSwTime": "",
        "openType": "",
        "auctionEndTime": "",
        "lever": "50",
        "tickSz": f"{item.tick:f}",
        "lotSz": item.okx_lot,
        "minSz": item.okx_lot,
        "alias": "",
        "state": "live",
        "ruleType": "normal",
        "maxLmtSz": "100000000",
        "maxMktSz": "30000",
        "maxLmtAmt": "20000000",
        "maxMktAmt": "",
        "maxTwapSz": "100000000",
        "maxIcebergSz": "100000000",
        "maxTriggerSz": "100000000",
        "maxStopSz": "30000",
        "futureSettlement": False,
        "tradeQuoteCcyList": [],
        "instCategory": "1",
        "upcChg": [],
    }


def _cursors(params: Params) -> tuple[int | None, int | None]:
    """(older than, newer than)"""
    return _whole(params, "after"), _whole(params, "before")


def _whole(params: Params, name: str) -> int | None:
    value = params.get(name)
    if not value:
        return None
    if not _NUMBER.fullmatch(value):
        raise refused("51000", f"Parameter {name} error")
    return int(value)


def _limit(params: Params, default: int, maximum: int) -> int:
    limit = _whole(params, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= maximum:
        raise refused("51000", "Parameter limit error")
    return limit
