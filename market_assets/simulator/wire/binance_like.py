"""What Binance USD-M and Aster have in common: the engine, its parameters and its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from market_assets.simulator.answers import Answer, Endpoint, Page, Params, Refused, json_answer
from market_assets.simulator.bars import Bars, Row, Series
from market_assets.simulator.funding import INTEREST, Settlement
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import DAY_MS, FOREVER, MINUTE_MS, MINUTES
from market_assets.simulator.noise import Floats, Ints
from market_assets.simulator.rows import decimal_columns
from market_assets.simulator.wire._twin import Twin

KLINES_DEFAULT: Final = 500
KLINES_MAXIMUM: Final = 1500
FUNDING_DEFAULT: Final = 100
FUNDING_MAXIMUM: Final = 1000
_BLOCKED: Final = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you "
    "received this message in error."
)
_OVERLOADED: Final = "Server is currently overloaded with other requests. Please try again later."
_SYMBOL: Final = re.compile(r"[A-Z0-9_.-]{1,30}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


def write_klines(bars: Bars, columns: Ints, instrument: Instrument, _closed: bool) -> list[bytes]:
    """Rows of twelve; an open candle looks like any other."""
    price = instrument.price_decimals
    size = instrument.lot_decimals
    values = bars.values[:, columns]
    opens = bars.opens()[columns]
    template = b"[%d"
    filling: list[list[int]] = [opens.tolist()]

    def add(row: Row, places: int) -> None:
        nonlocal template
        text, numbers = decimal_columns(values[row], places)
        template += b',"' + text + b'"'
        filling.extend(numbers)

    for row in (Row.OPEN, Row.HIGH, Row.LOW, Row.CLOSE):
        add(row, price)
    add(Row.VOLUME, size)
    template += b",%d"
    filling.append((opens + (bars.minutes * MINUTE_MS - 1)).tolist())
    add(Row.QUOTE, price + size)
    template += b",%d"
    filling.append(values[Row.TRADES].tolist())
    add(Row.TAKER, size)
    add(Row.TAKER_QUOTE, price + size)
    template += b',"0"]'
    return [template % numbers for numbers in zip(*filling, strict=True)]


class BinanceLike(Twin):
    """One venue of this kind; what differs is overridden in binance.py and aster.py."""

    writer = staticmethod(write_klines)
    said: Mapping[int, object] = {
        451: {"code": 0, "msg": _BLOCKED},
        500: {"code": -1000, "msg": "An unknown error occured while processing the request."},
        503: {"code": -1008, "msg": _OVERLOADED},
    }
    prefixes: tuple[str, ...] = ()
    premium_index_weight_of_all = 1

    def endpoints(self) -> dict[str, Endpoint]:
        table = {
            "ping": Endpoint("time", lambda _params, _now: json_answer({})),
            "time": Endpoint("time", lambda _, now: json_answer({"serverTime": now})),
            "exchangeInfo": Endpoint("instruments", self.exchange_info),
            "klines": Endpoint("klines", self.klines, weight=klines_weight),
            "premiumIndex": Endpoint(
                "funding",
                self.premium_index,
                weight=lambda params: 1 if "symbol" in params else self.premium_index_weight_of_all,
            ),
            "fundingRate": self.funding_rate_endpoint(),
            "fundingInfo": self.funding_info_endpoint(),
        }
        return {
            f"{prefix}/{name}": endpoint
            for prefix in self.prefixes
            for name, endpoint in table.items()
        }

    def klines(self, params: Params, now: int) -> Page:
        instrument = self.known(params, now)
        interval = _required(params, "interval")
        if interval not in MINUTES:
            raise refused(-1120, "Invalid interval.")
        start, end = _bounds(params)
        limit = _limit(params, KLINES_DEFAULT, KLINES_MAXIMUM)
        series = Series(self.venue, instrument.symbol, MINUTES[interval])
        if start is None:
            until = FOREVER if end is None else end
            return Page(self._rows.newest(series, (0, until), limit, now))
        until = FOREVER if end is None else end
        return Page(self._rows.oldest(series, (start, until), limit, now))

    def exchange_info(self, _params: Params, now: int) -> Answer:
        return json_answer(
            {
                "exchangeFilters": [],
                "rateLimits": [
                    _rate_limit("REQUEST_WEIGHT", 2400),
                    _rate_limit("ORDERS", 1200),
                ],
                "serverTime": now,
                "assets": [
                    {"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}
                ],
                "symbols": [self.symbol_row(item, now) for item in self.shown(now)],
                "timezone": "UTC",
            }
        )

    def symbol_row(self, item: Instrument, now: int) -> dict[str, object]:
        announced = item.delisting_announced(now)
        tick, lot = f"{item.tick:f}", f"{item.lot:f}"
        return {
            "symbol": item.symbol,
            "pair": item.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": item.delisted if announced else FOREVER,
            "onboardDate": item.listing(self.venue),
            "status": "TRADING" if item.trading(now) else "SETTLING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": item.base,
            "quoteAsset": item.quote,
            "marginAsset": item.quote,
            "pricePrecision": item.price_decimals,
            "quantityPrecision": item.lot_decimals,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": ["Layer-1"],
            "settlePlan": 0,
            "triggerProtect": "0.0500",
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "maxPrice": f"{item.price * 100:.{item.price_decimals}f}",
                    "minPrice": tick,
                    "tickSize": tick,
                },
                {"filterType": "LOT_SIZE", "maxQty": "10000000", "minQty": lot, "stepSize": lot},
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "maxQty": "1000000",
                    "minQty": lot,
                    "stepSize": lot,
                },
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
                {"filterType": "MIN_NOTIONAL", "notional": self.minimum_notional(item)},
                {
                    "filterType": "PERCENT_PRICE",
                    "multiplierUp": "1.1500",
                    "multiplierDown": "0.8500",
                    "multiplierDecimal": "4",
                },
            ],
            "liquidationFee": "0.010000",
            "marketTakeBound": "0.30",
            **self.order_fields(),
        }

    def minimum_notional(self, _item: Instrument) -> str:
        return "5.0"

    def order_fields(self) -> dict[str, object]:
        return {"orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"]}

    def premium_index(self, params: Params, now: int) -> Answer:
        if "symbol" in params:
            return json_answer(self.premium_row(self.known(params, now), now))
        return json_answer([self.premium_row(item, now) for item in self.shown(now)])

    def premium_row(self, item: Instrument, now: int) -> dict[str, object]:
        index = self.market.price_at(self.venue, item.symbol, now)
        ahead = self.funding.upcoming(self.venue, item, now)
        mark = float(self.mark_prices(item, np.array([now]))[0])
        return {
            "symbol": item.symbol,
            "markPrice": f"{mark:.8f}",
            "indexPrice": f"{index:.8f}",
            "estimatedSettlePrice": f"{index:.8f}",
            "lastFundingRate": f"{self.funding.estimate(self.venue, item, now):.8f}",
            "interestRate": f"{INTEREST:.8f}",
            "nextFundingTime": ahead[0][0] if ahead else 0,
            "time": now,
        }

    def mark_prices(self, item: Instrument, moments: Ints) -> Floats:
        premium = self.funding.premium(self.venue, item, moments)
        return self.market.prices_at(self.venue, item.symbol, moments) * (1.0 + premium)

    def funding_rate(self, params: Params, now: int) -> Page:
        chosen = [self.known(params, now)] if "symbol" in params else self.shown(now)
        start, end = _bounds(params)
        unbounded = start is None and end is None
        without_bounds = self.funding_default_unbounded()
        default = without_bounds if unbounded else FUNDING_DEFAULT
        limit = _limit(params, default, FUNDING_MAXIMUM)
        until = now if end is None else end
        since = start
        if since is None:
            # Enough of the recent past to fill a page at the slowest rhythm.
            since = until - (limit + 1) * DAY_MS if len(chosen) == 1 else until - 30 * DAY_MS
        found: list[tuple[int, str, bytes]] = []
        for item in chosen:
            settled = self.funding.settled(self.venue, item, since, until, now)
            # No symbol can give more than the page holds.
            settled = settled[-limit:] if start is None else settled[:limit]
            rows = self.funding_rows(item, settled)
            found += [(each.at, item.symbol, row) for each, row in zip(settled, rows, strict=True)]
        found.sort()
        found = found[-limit:] if start is None else found[:limit]
        return Page([row for _, _, row in found])

    def funding_default_unbounded(self) -> int:
        return FUNDING_DEFAULT

    def funding_rows(self, item: Instrument, settled: list[Settlement]) -> list[bytes]:
        raise NotImplementedError

    def funding_rate_endpoint(self) -> Endpoint:
        raise NotImplementedError

    def funding_info_endpoint(self) -> Endpoint:
        raise NotImplementedError

    def known(self, params: Params, now: int) -> Instrument:
        symbol = _required(params, "symbol")
        if not _SYMBOL.fullmatch(symbol):
            raise _illegal("symbol", "^[A-Z0-9-_.]{1,30}$")
        item = self.market.instruments.get(symbol)
        if item is None or not item.known(self.venue, now):
            raise refused(-1121, "Invalid symbol.")
        return item


def klines_weight(params: Params) -> int:
    """By the documented table; an unreadable limit is charged like the default."""
    given = params.get("limit", "")
    limit = int(given) if _NUMBER.fullmatch(given) else KLINES_DEFAULT
    if limit < 100:
        return 1
    if limit < 500:
        return 2
    return 5 if limit <= 1000 else 10


def refused(code: int, text: str, status: int = 400) -> Refused:
    return Refused(json_answer({"code": code, "msg": text}, status))


def _illegal(name: str, legal: str) -> Refused:
    return refused(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def _required(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise refused(
            -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        )
    return value


def _whole(params: Params, name: str) -> int | None:
    value = params.get(name)
    if value is None:
        return None
    if value == "":
        raise refused(-1105, f"Parameter '{name}' was empty.")
    if not _NUMBER.fullmatch(value):
        raise _illegal(name, "^[0-9]{1,20}$")
    return int(value)


def _bounds(params: Params) -> tuple[int | None, int | None]:
    start, end = _whole(params, "startTime"), _whole(params, "endTime")
    if start is not None and end is not None and start > end:
        raise refused(-1023, "Start time is greater than end time.")
    return start, end


def _limit(params: Params, default: int, maximum: int) -> int:
    limit = _whole(params, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= maximum:
        raise refused(-1130, "Data sent for parameter 'limit' is not valid.")
    return limit


def _rate_limit(kind: str, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": "MINUTE", "intervalNum": 1, "limit": limit}
