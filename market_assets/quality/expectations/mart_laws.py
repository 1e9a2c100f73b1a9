"""What each mart must obey, as laws of its suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from market_assets.quality.expectations import laws
from market_assets.quality.expectations.laws import Law
from market_assets.schemas.rules import FUNDING_CEILING

if TYPE_CHECKING:
    from market_assets.quality.expectations.stored import Stored

# quote_volume / volume is rounded by the venue: the price may leave its bar by that much.
_TRACE = 1e-6


def _bar() -> tuple[Law, ...]:
    return (
        laws.is_not_below("high over low", "high is not below low", "high", "low"),
        laws.is_not_below("close over low", "close is not below low", "close", "low"),
        laws.is_not_below("high over close", "close is not above high", "high", "close"),
        laws.is_above("price above 0", "No price is 0 or less", "low", 0),
    )


def _vwap() -> tuple[Law, ...]:
    return (laws.lies_between("vwap in its bar", "low <= vwap <= high", "vwap_outside", 0, _TRACE),)


def _quality() -> tuple[Law, ...]:
    return (
        laws.lies_between(
            "quality score range", "A quality score is 0 to 1", "quality_score", 0, 1
        ),
        laws.averages(
            "mean quality score", "The mean quality score is at least 0.9", "quality_score", 0.9, 1
        ),
    )


def _returns(column: str, days: str, most: float) -> tuple[Law, ...]:
    return (
        laws.averages(
            f"mean of {column}", f"The mean {days} return is within {most / 20:.2%}",
            column, -most / 20, most / 20,
        ),
        laws.lies_between(
            f"quantiles of {column}", f"98 % of {days} returns are within {most:.0%}",
            column, -most, most, mostly=0.98, severity="warn",
        ),
    )  # fmt: skip


def of_candles(stored: Stored, rows: int) -> Sequence[Law]:
    tables = [f"raw.{venue}_ohlcv" for venue in stored.settings.marts_venues]
    raw = sum(stored.count(table, "timestamp") for table in tables)
    return (
        *_bar(),
        *_quality(),
        laws.lies_between(
            "monotonic time", "Each candle is later than the one before", "seconds_since_before", 1
        ),
        laws.has_rows("nothing lost", f"It has the {raw} raw candles, each once", raw, raw),
        *(
            (
                laws.is_one_of(
                    "share of jumps", "At most 1 % of candles jump", "is_price_jump", [False],
                    mostly=0.99, severity="warn",
                ),
                laws.is_one_of(
                    "share of divergence", "At most 1 % of candles diverge between venues",
                    "is_cross_venue_divergent", [False], mostly=0.99, severity="warn",
                ),
            )
            if rows >= laws.LEAST_VALUES
            else ()
        ),
    )  # fmt: skip


def of_funding(_stored: Stored, _rows: int) -> Sequence[Law]:
    return (
        *_quality(),
        laws.lies_between(
            "rate range", f"No rate is beyond {FUNDING_CEILING:.0%}",
            "funding_rate", -FUNDING_CEILING, FUNDING_CEILING,
        ),
        laws.lies_between(
            "interval range", "Settlements are 1 to 24 hours apart", "interval_hours", 1, 24
        ),
        laws.lies_between(
            "monotonic time", "Settlements are at least half an hour apart",
            "seconds_since_before", 1800,
        ),
    )  # fmt: skip


def of_daily(_stored: Stored, _rows: int) -> Sequence[Law]:
    return (
        *_bar(),
        *_vwap(),
        *_quality(),
        laws.lies_between("candle count", "A day has 1 to 24 hours", "candle_count", 1, 24),
        laws.lies_between(
            "hours accounted for", "A day's hours, stored or absent, are 24 at most",
            "hours_accounted", 1, 24,
        ),
        laws.is_one_of(
            "complete days", "95 % of days are complete", "is_complete", [True],
            mostly=0.95, severity="warn",
        ),
        *_returns("daily_return", "daily", 0.4),
    )  # fmt: skip


def of_hourly(_stored: Stored, rows: int) -> Sequence[Law]:
    return (
        laws.is_above("price above 0", "No price is 0 or less", "close", 0),
        laws.lies_between("range of a bar", "high - low is not below 0", "high_low_range", 0),
        laws.lies_between("taker share", "Takers buy 0 to 100 %", "taker_buy_ratio", 0, 1),
        # A mean of at most 24 hours holds at least a 24th of each of them.
        laws.lies_between(
            "volume ratio", "No hour has more than 24 times its mean",
            "volume_ratio_24h", 0, 24 * (1 + _TRACE),
        ),
        *(_returns("return_1h", "hourly", 0.1) if rows >= laws.LEAST_VALUES else ()),
    )  # fmt: skip


def of_consolidated(stored: Stored, _rows: int) -> Sequence[Law]:
    venues = list(stored.settings.marts_venues)
    most = stored.settings.thresholds.cross_venue_percent / 100
    return (
        *_bar(),
        *_vwap(),
        laws.lies_between(
            "venue count", "A candle is of 1 or more venues", "venue_count", 1, len(venues)
        ),
        laws.is_one_of("cheapest venue", "It is one of ours", "cheapest_venue", venues),
        laws.is_one_of("dearest venue", "It is one of ours", "dearest_venue", venues),
        laws.lies_between("spread range", "No spread is below 0", "venue_spread", 0),
        laws.lies_between(
            "spread between venues", f"99 % of spreads are below {most:.0%}",
            "venue_spread", None, most, mostly=0.99, severity="warn",
        ),
    )  # fmt: skip


def of_features(_stored: Stored, _rows: int) -> Sequence[Law]:
    return (
        laws.lies_between("volatility range", "No volatility is below 0", "volatility_30d", 0),
        laws.lies_between("atr range", "No true range is below 0", "atr_14d", 0),
        laws.is_not_below(
            "bollinger bands", "The upper band is not below the lower",
            "bollinger_upper_20d", "bollinger_lower_20d",
        ),
        laws.lies_between(
            "correlation range", "A correlation is -1 to 1",
            "correlation_30d", -1 - _TRACE, 1 + _TRACE,
        ),
        laws.lies_between(
            "efficiency range", "Efficiency is 0 to 1", "efficiency_ratio_30d", 0, 1 + _TRACE
        ),
        laws.is_one_of(
            "regimes", "A regime is trending or ranging", "regime", ["trending", "ranging"]
        ),
        *_returns("return_1d", "daily", 0.4),
    )  # fmt: skip


def of_risk(stored: Stored, _rows: int) -> Sequence[Law]:
    return (
        laws.lies_between(
            "volatility range", "No volatility is below 0", "annualised_volatility", 0
        ),
        laws.is_not_below("var order", "VaR at 99 % is not below 95 %", "var_99", "var_95"),
        laws.is_not_below("cvar over var", "CVaR is not below VaR", "cvar_95", "var_95"),
        laws.lies_between("drawdown range", "A drawdown is -100 to 0 %", "drawdown", -1, 0),
        laws.is_not_below(
            "deepest drawdown", "No drawdown is deeper than the deepest",
            "drawdown", "max_drawdown",
        ),
        laws.lies_between(
            "return count", "No more returns than days in the window", "return_count", 0,
            stored.settings.marts.risk_window_days,
        ),
        *_returns("daily_return", "daily", 0.4),
    )  # fmt: skip


def of_completeness(stored: Stored, _rows: int) -> Sequence[Law]:
    least = stored.settings.thresholds.completeness_percent
    return (
        laws.lies_between("share range", "A share is 0 to 1", "completeness", 0, 1),
        laws.lies_between(
            "present count", "No day has more candles than there can be", "present_share", 0, 1
        ),
        laws.averages(
            "mean completeness", f"Days are {least:g} % complete on average",
            "completeness", least / 100, 1,
        ),
    )  # fmt: skip


def of_instruments(_stored: Stored, _rows: int) -> Sequence[Law]:
    return (
        laws.is_above("tick above 0", "Every tick size is above 0", "tick_size", 0),
        laws.is_above("lot above 0", "Every lot size is above 0", "lot_size", 0),
        laws.is_above("contract above 0", "Every contract size is above 0", "contract_size", 0),
        laws.is_one_of(
            "status", "A status is one that we know", "status",
            ["preopen", "trading", "halted", "settling", "delisted"],
        ),
        laws.is_not_below(
            "versions in order", "No version ends before it begins", "valid_to", "valid_from"
        ),
        laws.lies_between(
            "one current version", "A listing has one current version at most",
            "current_versions", 0, 1,
        ),
    )  # fmt: skip
