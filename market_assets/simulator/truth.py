"""What really happened, for tests: never faulty, and not counted as requests to a venue."""

from __future__ import annotations

from typing import Final

from market_assets.simulator.answers import Params
from market_assets.simulator.bars import Row, Series, Why
from market_assets.simulator.clock import SimulatedClock
from market_assets.simulator.funding import Funding, hours_at
from market_assets.simulator.instruments import VENUES, Instrument
from market_assets.simulator.intervals import DAY_MS, MINUTE_MS, MINUTES, floor_to
from market_assets.simulator.manners import MANNERS
from market_assets.simulator.market import Market

_REASONS: Final = {
    Why.LOST: "lost",
    Why.NO_TRADE: "no_trade",
    Why.OUTAGE: "venue_outage",
    Why.NOT_LISTED: "not_listed",
    Why.ZOMBIE: "not_listed",
}

_NAMES: Final = {minutes: name for name, minutes in MINUTES.items()}

Rows = list[dict[str, object]]


class TruthRefused(Exception):
    """The question makes no sense."""


class Truth:
    """Answers in canonical names and units, whatever the venue's own are."""

    def __init__(self, market: Market, funding: Funding, clock: SimulatedClock) -> None:
        self._market = market
        self._funding = funding
        self._clock = clock

    def answer(self, venue: str, what: str, params: Params) -> Rows:
        """[start, end) in milliseconds; `what` is ohlcv, absent, funding or instruments."""
        if venue not in VENUES:
            raise TruthRefused(f"no venue is called {venue!r}")
        now = self._clock.now(venue)
        if what == "instruments":
            return self._instruments(venue, now)
        instrument = self._market.instruments.get(params.get("symbol", ""))
        if instrument is None or venue not in instrument.venues:
            raise TruthRefused(f"{venue} has no symbol {params.get('symbol')!r}")
        try:
            start, end = int(params["start"]), int(params["end"])
        except (KeyError, ValueError) as problem:
            raise TruthRefused("start and end are needed, in milliseconds") from problem
        if what == "funding":
            return self._settled(venue, instrument, start, end, now)
        interval = params.get("interval", "1h")
        if interval not in MINUTES:
            raise TruthRefused(f"no interval is called {interval!r}")
        series = Series(venue, instrument.symbol, MINUTES[interval])
        if what == "ohlcv":
            return self._candles(instrument, series, start, end, now)
        if what == "absent":
            return self._absent(series, start, end, now)
        raise TruthRefused(f"there is no truth about {what!r}")

    def _candles(
        self, instrument: Instrument, series: Series, start: int, end: int, now: int
    ) -> Rows:
        start = max(start, self._market.first_candle(series))
        end = _end_of_closed(series, end, now)
        return [
            _candle(instrument, series, opened, numbers)
            for opened, why, numbers in self._each(series, start, end, now)
            if why == Why.PRESENT
        ]

    def _absent(self, series: Series, start: int, end: int, now: int) -> Rows:
        end = _end_of_closed(series, end, now)
        return [
            {"timestamp": opened, "reason": _REASONS[why]}
            for opened, why, _ in self._each(series, start, end, now)
            if why != Why.PRESENT
        ]

    def _each(
        self, series: Series, start: int, end: int, now: int
    ) -> list[tuple[int, Why, list[int]]]:
        found: list[tuple[int, Why, list[int]]] = []
        for day in range(start // DAY_MS, -(-end // DAY_MS)):
            bars = self._market.bars(series, day, now)
            columns = bars.values.T.tolist()
            for opened, why, numbers in zip(
                bars.opens().tolist(), bars.why.tolist(), columns, strict=True
            ):
                if start <= opened < end:
                    found.append((opened, Why(why), numbers))
        return found

    def _settled(self, venue: str, instrument: Instrument, start: int, end: int, now: int) -> Rows:
        return [
            {
                "timestamp": (item.raw + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS,
                "raw_timestamp": item.raw,
                "symbol": instrument.symbol,
                "venue": venue,
                "funding_rate": item.rate,
                "predicted_rate": item.predicted,
                "interval_hours": item.hours,
            }
            for item in self._funding.settled(venue, instrument, start, end + MINUTE_MS, now)
            if start <= item.at < end
        ]

    def _instruments(self, venue: str, now: int) -> Rows:
        contracts = MANNERS[venue].counts_contracts
        return [
            {
                "symbol": item.symbol,
                "venue": venue,
                "venue_symbol": item.okx_id if venue == "okx" else item.symbol,
                "base": item.base,
                "quote": item.quote,
                "listed": item.listing(venue),
                "delisted": item.delisted,
                "known": item.known(venue, now),
                "shown": item.shown(venue, now),
                "delisting_announced": item.delisting_announced(now),
                "tick_size": float(item.tick),
                "lot_size": float(item.okx_lot_base if contracts else item.lot),
                "contract_size": (float(item.ct_val) * float(item.ct_mult) if contracts else 1.0),
                "funding_interval_hours": hours_at(item, now),
                "funding_cap": item.funding_cap,
            }
            for item in self._market.instruments.values()
            if venue in item.venues
        ]


def _end_of_closed(series: Series, end: int, now: int) -> int:
    return min(end, floor_to(now, series.minutes))


def _candle(
    instrument: Instrument, series: Series, opened: int, numbers: list[int]
) -> dict[str, object]:
    price = instrument.price_decimals
    size = instrument.volume_decimals(series.venue)
    detailed = MANNERS[series.venue].counts_trades
    return {
        "timestamp": opened,
        "symbol": instrument.symbol,
        "venue": series.venue,
        "interval": _NAMES[series.minutes],
        "open": _decimal(numbers[Row.OPEN], price),
        "high": _decimal(numbers[Row.HIGH], price),
        "low": _decimal(numbers[Row.LOW], price),
        "close": _decimal(numbers[Row.CLOSE], price),
        "volume": _decimal(numbers[Row.VOLUME], size),
        "quote_volume": _decimal(numbers[Row.QUOTE], price + size),
        "num_trades": numbers[Row.TRADES] if detailed else None,
        "taker_buy_volume": _decimal(numbers[Row.TAKER], size) if detailed else None,
        "taker_buy_quote_volume": (
            _decimal(numbers[Row.TAKER_QUOTE], price + size) if detailed else None
        ),
    }


def _decimal(number: int, places: int) -> float:
    """The same float that a reader of the written decimal gets."""
    if places <= 0:
        return float(number * 10**-places)
    return float(number / 10**places)
