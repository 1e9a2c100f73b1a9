"""Market alerts: a value of the market against the limits that somebody set for it.

`observed.market` holds the newest value of each market alert for each member: a symbol of a venue,
or a symbol where venues are compared. Its unit is that of the limits: a price, percent, multiples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from market_assets.health.look import Look
from market_assets.health.words import length, moment
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import MarketAlert, MarketRule

# A price that fired is fine again half a percent back; the policy's margin would be 10,000 dollars
# of a bitcoin.
_PRICE_MARGIN = 0.005
# Two limits close to each other keep half of what lies between them for being fine again.
_MARGIN_OF_BAND = 0.25

_MEANINGS: Mapping[MarketRule, tuple[str, str, str]] = {
    "price_threshold": ("the price is", "", ""),
    "price_move": ("the price moved within an hour by", " %", ""),
    "volume_spike": ("the hour's volume is", " times", " its 24 hour average"),
    "funding_extreme": ("the annualised funding rate is", " %", ""),
    "cross_venue_spread": ("the venues' prices differ by", " %", ""),
}


@dataclass(frozen=True, slots=True)
class MarketValue:
    """The newest value of one market alert for one member."""

    alert: str
    member: str  # "binance BTCUSDT"; "BTCUSDT" where venues are compared
    value: float | None  # None where its inputs are absent: no hour before, one venue only
    at: datetime  # when it was known: the close of its candle, the settlement
    every: timedelta  # how often there is a new one


def market(look: Look) -> Iterator[Verdict]:
    """A verdict for each value; one `unknown` for an alert without any.

    A value is too old to speak of when its successor is later than the freshness limit allows.
    """
    values: tuple[MarketValue, ...] | None = look.observed.market
    by_alert: dict[str, list[MarketValue]] = {}
    for value in values or ():
        by_alert.setdefault(value.alert, []).append(value)
    for alert in look.policy.market:
        own = sorted(by_alert.get(alert.name, ()), key=lambda value: value.member)
        if not own:
            asked = " ".join(filter(None, (alert.venue, alert.symbol))) or "any symbol"
            why = f"no recent value of {asked} in the marts"
            yield _unknown(alert, "", "the marts could not be read" if values is None else why)
        for value in own:
            yield _judged(look, alert, value)


def _judged(look: Look, alert: MarketAlert, found: MarketValue) -> Verdict:
    what, unit, of = _MEANINGS[alert.rule]
    if found.value is None or not math.isfinite(found.value):
        missing = f"nothing to judge at {moment(found.at)}"
        return _unknown(alert, found.member, missing)
    said = f"{what} {_number(found.value)}{unit}{of} at {moment(found.at)}"
    age = look.now - found.at
    if age > look.policy.age_limit(look.policy.freshness, found.every):
        return _unknown(alert, found.member, f"{said}, {length(age)} ago: too old to judge")
    if found.at > look.latest:
        return _unknown(alert, found.member, f"{said}: in the future, a clock is wrong")
    failed = (alert.rule, alert.name, found.member) in look.failed_before
    side, limit = _side(alert, found.value, _margin(look, alert) if failed else 0.0)
    bound = f"{_number(limit)}{unit}"
    if side is None:
        text = f"{said} (limit {_limits(alert, unit)})"
    elif (found.value > limit) if side == "above" else (found.value < limit):
        text = f"{said}, {side} {bound}"
    else:
        text = f"{said}, not yet clear of {bound}"
    return Verdict(
        alert.rule,
        alert.name,
        found.member,
        "ok" if side is None else "failing",
        text,
        value=found.value,
        limit=limit,
        since=None if side is None or failed else found.at,
        severity=alert.severity,
    )


def _side(alert: MarketAlert, value: float, margin: float) -> tuple[str | None, float]:
    """Which limit the value is beyond, or not yet far enough back from; else the first limit."""
    if alert.above is not None and value > alert.above - _back(alert, alert.above, margin):
        return "above", alert.above
    if alert.below is not None and value < alert.below + _back(alert, alert.below, margin):
        return "below", alert.below
    limit = alert.above if alert.above is not None else alert.below
    assert limit is not None, "settings refuse a market alert without a limit"
    return None, limit


def _margin(look: Look, alert: MarketAlert) -> float:
    return _PRICE_MARGIN if alert.rule == "price_threshold" else look.policy.margin


def _back(alert: MarketAlert, limit: float, margin: float) -> float:
    """How far inside the limit a value must be to be fine again."""
    wanted = abs(limit) * margin
    if margin == 0 or alert.above is None or alert.below is None:
        return wanted
    return min(wanted, max(0.0, alert.above - alert.below) * _MARGIN_OF_BAND)


def _limits(alert: MarketAlert, unit: str) -> str:
    sides = (("above", alert.above), ("below", alert.below))
    return " or ".join(f"{name} {_number(at)}{unit}" for name, at in sides if at is not None)


def _unknown(alert: MarketAlert, member: str, text: str) -> Verdict:
    return Verdict(alert.rule, alert.name, member, "unknown", text, severity=alert.severity)


def _number(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 100_000 else f"{value:,.0f}"
