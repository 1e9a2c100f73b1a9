"""Bybit v5, linear: newest first, cursors over instruments, and errors under HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Final

from market_assets.simulator.answers import Answer, Endpoint, Page, Params, Refused, json_answer
from market_assets.simulator.bars import Bars, Series
from market_assets.simulator.funding import hours_at
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import DAY_MS, FOREVER
from market_assets.simulator.limits import AddressLimits
from market_assets.simulator.noise import Ints
from market_assets.simulator.rows import text_rows
from market_assets.simulator.wire._twin import Twin

INTERVALS: Final = {str(n): n for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {"D": 1440}


def _envelope(result: object, now: int = 0, code: int = 0, text: str = "OK") -> dict[str, object]:
    return {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": now}


def write_candles(bars: Bars, columns: Ints, item: Instrument, _closed: bool) -> list[bytes]:
    """Rows of seven texts: no count of trades, and nothing that marks an open candle."""
    price, size = item.price_decimals, item.lot_decimals
    places = (price, price, price, price, size, price + size)
    parts = zip(bars.values[:, columns], places, strict=False)
    return text_rows(bars.opens()[columns], parts, b"]")


class BybitLimits(AddressLimits):
    """Over 600 in 5 s: 403 for ten minutes, with no word of when it ends."""

    requests_key, seconds, ban_seconds = "bybit_requests", 5.0, 600.0

    def away(self) -> Answer:
        return Answer(403, b"access too frequent", "text/plain")

    def patience(self, until: float) -> Answer:
        answer = json_answer(_envelope({}, code=10006, text="Too many visits!"))
        return replace(answer, headers={"X-Bapi-Limit-Reset-Timestamp": str(ceil(until * 1000))})


class Bybit(Twin):
    """The public endpoints for linear contracts."""

    venue = "bybit"
    limits = BybitLimits
    writer = staticmethod(write_candles)
    said: Mapping[int, object] = {500: _envelope({}, code=10016, text="Server error.")}
    said_under_200: object = said[500]

    def endpoints(self) -> dict[str, Endpoint]:
        return {
            "/v5/market/time": Endpoint("time", lambda _, now: json_answer(_envelope({}, now))),
            "/v5/market/instruments-info": Endpoint("instruments", self.instruments),
            "/v5/market/kline": Endpoint("candles", self.kline),
            "/v5/market/funding/history": Endpoint("funding", self.funding_history),
            "/v5/market/tickers": Endpoint("funding", self.tickers),
        }

    def instruments(self, params: Params, now: int) -> Answer:
        """The contracts of one status, in parts; a cursor names the first of the next part."""
        status, limit = params.get("status", "Trading"), _whole(params, "limit", 500, 1000)
        rows = [
            self._instrument(item, now)
            for item in self.shown(now)
            if status == ("Trading" if item.trading(now) else "Closed")
        ]
        names = [f"first%3D{row['symbol']}" for row in rows]
        at = names.index(params["cursor"]) if params.get("cursor") else 0
        cursor = names[at + limit] if at + limit < len(rows) else ""
        shown = {"list": rows[at : at + limit], "nextPageCursor": cursor}
        return json_answer(_envelope(shown, now))

    def kline(self, params: Params, now: int) -> Page:
        """The newest rows between two moments, both included; the open one is like any other."""
        item, interval = self._known(params, now), params.get("interval", "")
        if interval not in INTERVALS:
            raise _refused("Invalid period!")
        span = _whole(params, "start", 0), _whole(params, "end", FOREVER)
        series = Series(self.venue, item.symbol, INTERVALS[interval])
        limit = _whole(params, "limit", 200, 1000)
        return _page(item, self._rows.newest(series, span, limit, now)[::-1], now)

    def funding_history(self, params: Params, now: int) -> Page:
        item, limit = self._known(params, now), _whole(params, "limit", 200, 200)
        if "startTime" in params and "endTime" not in params:
            raise _refused("params error: endTime is needed with startTime")
        until = _whole(params, "endTime", now)
        # Without a start: as far back as a page can reach at the slowest rhythm.
        since = _whole(params, "startTime", until - limit * DAY_MS)
        rows = [
            b'{"symbol":"%s","fundingRate":"%.8f","fundingRateTimestamp":"%d"}'
            % (item.symbol.encode(), each.rate, each.raw)
            for each in self.funding.settled(self.venue, item, since, until, now)[-limit:]
        ]
        return _page(item, rows[::-1], now)

    def tickers(self, params: Params, now: int) -> Answer:
        item = self._known(params, now)
        ahead = self.funding.upcoming(self.venue, item, now)
        price = f"{self.market.price_at(self.venue, item.symbol, now):.{item.price_decimals}f}"
        row = {
            "symbol": item.symbol, "lastPrice": price, "markPrice": price,
            "fundingRate": f"{self.funding.estimate(self.venue, item, now):.8f}",
            "nextFundingTime": str(ahead[0][0]) if ahead else "0",
        }  # fmt: skip
        return json_answer(_envelope({"category": "linear", "list": [row]}, now))

    def _instrument(self, item: Instrument, now: int) -> dict[str, object]:
        lot = f"{item.lot:f}"
        return {
            "symbol": item.symbol, "contractType": "LinearPerpetual",
            "status": "Trading" if item.trading(now) else "Closed",
            "baseCoin": item.base, "quoteCoin": item.quote, "settleCoin": item.quote,
            "launchTime": str(item.listing(self.venue)),
            "deliveryTime": str(item.delisted) if item.delisting_announced(now) else "0",
            "priceFilter": {"tickSize": f"{item.tick:f}"},
            "lotSizeFilter": {"minOrderQty": lot, "qtyStep": lot, "minNotionalValue": "5"},
            "fundingInterval": hours_at(item, now) * 60,
            "upperFundingRate": str(item.funding_cap), "lowerFundingRate": str(-item.funding_cap),
        }  # fmt: skip

    def _known(self, params: Params, now: int) -> Instrument:
        item = self.market.instruments.get(params.get("symbol", ""))
        if params.get("category") != "linear" or item is None or not item.known(self.venue, now):
            raise _refused("params error: Symbol Invalid")
        return item


def _page(item: Instrument, rows: list[bytes], now: int) -> Page:
    head = b'{"retCode":0,"retMsg":"OK","result":{"category":"linear","symbol":"%s","list":['
    return Page(rows, head % item.symbol.encode(), b']},"retExtInfo":{},"time":%d}' % now)


def _refused(text: str) -> Refused:
    return Refused(json_answer(_envelope({}, code=10001, text=text)))


def _whole(params: Params, name: str, default: int, most: int = FOREVER) -> int:
    given = params.get(name, str(default))
    if not given.isdecimal() or not (name != "limit" or 1 <= int(given) <= most):
        raise _refused(f"params error: {name} invalid")
    return int(given)
