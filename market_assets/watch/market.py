"""The newest market values that somebody's alerts ask for, read from the marts.

Nothing is read without market alerts, nor twice while the warehouse stays as it is. Three small
statements at most, whatever the number of alerts, over the last days only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from market_assets.health.market import MarketValue
from market_assets.settings.alerts import MarketAlert, MarketRule
from market_assets.warehouse.protocol import Warehouse

# Older values are too old to judge anyway: two days hold the last settlement of every contract.
_DAYS = timedelta(days=2)
_HOUR = timedelta(hours=1)
# What a venue settles by where its interval has not been observed yet.
_FUNDING_HOURS = 8
_FUNDING_RULE: MarketRule = "funding_extreme"
_SPREAD_RULE: MarketRule = "cross_venue_spread"
# Column of marts.hourly_stats and what makes it the limit's unit.
_HOURLY: Mapping[MarketRule, tuple[str, float]] = {
    "price_threshold": ("close", 1.0),
    "price_move": ("return_1h", 100.0),
    "volume_spike": ("volume_ratio_24h", 1.0),
}

Row = Mapping[str, Any]


class MarketLook:
    """Reads what `alerts` ask for; keeps it until the warehouse is written to."""

    def __init__(self, alerts: Sequence[MarketAlert]) -> None:
        self._alerts = tuple(alerts)
        self._read_at: int | None = None
        self._values: tuple[MarketValue, ...] = ()

    def values(
        self, warehouse: Warehouse, written_at: int, now: datetime
    ) -> tuple[MarketValue, ...]:
        """The newest value of each alert and member; none where a mart has not been built."""
        if self._alerts and written_at != self._read_at:
            self._values = tuple(self._read(warehouse, now - _DAYS))
            self._read_at = written_at
        return self._values

    def _read(self, warehouse: Warehouse, since: datetime) -> Iterator[MarketValue]:
        rules = {alert.rule for alert in self._alerts}
        built = {
            name.removeprefix("marts.") for name in warehouse.tables() if name.startswith("marts.")
        }
        within = f"timestamp >= TIMESTAMP '{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"
        hourly = "hourly_stats" in built
        newest = _rows(warehouse, _newest(within)) if hourly and rules & _HOURLY.keys() else []
        shared = _rows(warehouse, _shared(within)) if hourly and _SPREAD_RULE in rules else []
        funding = "funding_rates" in built and _FUNDING_RULE in rules
        settled = _rows(warehouse, _settled(within)) if funding else []
        for alert in self._alerts:
            if alert.rule in _HOURLY:
                yield from _of_hours(alert, newest)
            elif alert.rule == _FUNDING_RULE:
                yield from _of_funding(alert, settled)
            else:
                yield from _of_spread(alert, shared)


def _newest(within: str) -> str:
    return (
        "SELECT venue, symbol, timestamp, close, return_1h, volume_ratio_24h"
        f" FROM marts.hourly_stats WHERE {within}"
        " QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY timestamp DESC) = 1"
    )


def _shared(within: str) -> str:
    """Every venue's close of the last two hours that more than one venue has."""
    return (
        "WITH hours AS (SELECT venue, symbol, timestamp, close,"
        " count(*) OVER (PARTITION BY symbol, timestamp) AS venues"
        f" FROM marts.hourly_stats WHERE {within})"
        " SELECT venue, symbol, timestamp, close FROM hours WHERE venues > 1"
        " QUALIFY dense_rank() OVER (PARTITION BY symbol ORDER BY timestamp DESC) <= 2"
    )


def _settled(within: str) -> str:
    return (
        "SELECT venue, symbol, timestamp, annualised_rate, interval_hours"
        f" FROM marts.funding_rates WHERE {within}"
        " QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY timestamp DESC) = 1"
    )


def _rows(warehouse: Warehouse, sql: str) -> list[Row]:
    rows: list[Row] = warehouse.ask(sql).to_pylist()
    return rows


def _of_hours(alert: MarketAlert, rows: Sequence[Row]) -> Iterator[MarketValue]:
    column, factor = _HOURLY[alert.rule]
    for row in rows:
        if _is_meant(alert, row):
            yield _value(alert, _member(row), row[column], factor, _utc(row) + _HOUR, _HOUR)


def _of_funding(alert: MarketAlert, rows: Sequence[Row]) -> Iterator[MarketValue]:
    for row in rows:
        if _is_meant(alert, row):
            every = timedelta(hours=row["interval_hours"] or _FUNDING_HOURS)
            yield _value(alert, _member(row), row["annualised_rate"], 100.0, _utc(row), every)


def _of_spread(alert: MarketAlert, rows: Sequence[Row]) -> Iterator[MarketValue]:
    """How far venues are apart; of one venue, how far the farthest other one is from it."""
    by_symbol: dict[str, dict[datetime, dict[str, float]]] = {}
    for row in rows:
        if alert.symbol in {None, row["symbol"]}:
            hours = by_symbol.setdefault(row["symbol"], {})
            hours.setdefault(_utc(row), {})[row["venue"]] = row["close"]
    for symbol, hours in by_symbol.items():
        # Venues close an hour minutes apart: until the last has, the hour before has more of them,
        # and one that is far off must not seem fine because it is late.
        hour = max(hours, key=lambda moment: (len(hours[moment]), moment))
        spread = _spread(hours[hour], alert.venue)
        member = symbol if alert.venue is None else f"{alert.venue} {symbol}"
        yield _value(alert, member, spread, 100.0, hour + _HOUR, _HOUR)


def _spread(closes: Mapping[str, float], venue: str | None) -> float | None:
    low, high = min(closes.values()), max(closes.values())
    if venue is None:
        return high / low - 1 if low > 0 else None
    own = closes.get(venue, 0.0)
    return max(high - own, own - low) / own if own > 0 else None


def _is_meant(alert: MarketAlert, row: Row) -> bool:
    return alert.venue in {None, row["venue"]} and alert.symbol in {None, row["symbol"]}


def _member(row: Row) -> str:
    return f"{row['venue']} {row['symbol']}"


def _value(
    alert: MarketAlert,
    member: str,
    value: float | None,
    factor: float,
    at: datetime,
    every: timedelta,
) -> MarketValue:
    scaled = None if value is None else value * factor
    return MarketValue(alert.name, member, scaled, at, every)


def _utc(row: Row) -> datetime:
    """The warehouse's moments are UTC, whether they say so or not."""
    moment: datetime = row["timestamp"]
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
