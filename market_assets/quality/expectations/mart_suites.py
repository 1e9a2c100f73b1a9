"""The suites of the marts that others are built on, and of those that people trade on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.quality.expectations import laws, mart_laws
from market_assets.quality.expectations.laws import Law
from market_assets.quality.expectations.raw_suites import Subject, known_law
from market_assets.quality.expectations.stored import (
    Derived,
    Stored,
    derive,
    is_known,
    since_before,
)

if TYPE_CHECKING:
    import pandas as pd

INSTRUMENTS = "marts.instruments"


@dataclass(frozen=True)
class MartSuite:
    """What one mart must obey. Laws that depend on the settings are made when it is judged."""

    mart: str
    time: str  # the column that days are cut by; empty for a mart without time
    key: tuple[str, ...]
    columns: tuple[str, ...]
    laws: Callable[[Stored, int], Sequence[Law]]
    derived: Derived
    has_instruments: bool = True

    @property
    def table(self) -> str:
        return f"marts.{self.mart}"

    def subject(self, stored: Stored) -> Subject:
        order = [f'"{name}"' if name == "interval" else name for name in self.key]
        derived = dict(self.derived)
        ruled: list[Law] = [laws.has_columns([*self.key, *self.columns])]
        if self.has_instruments:
            derived["is_known_instrument"] = (
                ("venue", "symbol"),
                is_known(stored.known(INSTRUMENTS)),
            )
            ruled.append(known_law())
        frame = derive(stored.frame(self.table, self.time, order), derived)
        ruled += [
            law
            for name in self.key
            for law in (
                laws.is_there(name),
                laws.is_of_type(
                    name,
                    "timestamp" if name in (self.time, "listed_at", "valid_from") else "string",
                ),
            )
        ]
        ruled += [laws.is_unique(self.key), *self.laws(stored, len(frame))]
        return Subject(self.table, self.table, frame, tuple(ruled))


def _vwap_outside(frame: pd.DataFrame) -> pd.Series:
    """How far vwap lies outside of its bar, as a share of the close; 0 inside."""
    below, above = frame["low"] - frame["vwap"], frame["vwap"] - frame["high"]
    return below.combine(above, max).clip(lower=0) / frame["close"]


def _daily_return(frame: pd.DataFrame) -> pd.Series:
    before = since_before(["venue", "symbol"], "date", "close")(frame)
    return frame["close"] / before.where(before > 0) - 1


def _hours_accounted(frame: pd.DataFrame) -> pd.Series:
    return frame[list(_HOURS)].sum(axis=1)


def _current_versions(frame: pd.DataFrame) -> pd.Series:
    return frame.groupby(["venue", "symbol", "listed_at"])["is_current"].transform("sum")


_BAR = ("low", "high", "close")
_HOURS = ("candle_count", "no_trade_count", "not_listed_count", "outage_count", "missing_count")
_OUTSIDE: Derived = {"vwap_outside": ((*_BAR, "vwap"), _vwap_outside)}
_CANDLE = ("venue", "symbol", "interval", "timestamp")
_DAY = ("venue", "symbol", "date")

MART_SUITES = (
    MartSuite(
        "ohlcv", "timestamp", _CANDLE, (*_BAR, "open", "volume", "quality_score"),
        mart_laws.of_candles,
        {"seconds_since_before": (_CANDLE, since_before(_CANDLE[:3], "timestamp"))},
    ),
    MartSuite(
        "funding_rates", "timestamp", ("venue", "symbol", "timestamp"),
        ("funding_rate", "interval_hours", "annualised_rate", "quality_score"),
        mart_laws.of_funding,
        {"seconds_since_before": (_CANDLE[:2], since_before(_CANDLE[:2], "timestamp"))},
    ),
    MartSuite(
        "daily_ohlcv", "date", _DAY, (*_BAR, "open", "volume", "vwap", "is_complete", *_HOURS),
        mart_laws.of_daily,
        {
            **_OUTSIDE,
            "daily_return": ((*_DAY, "close"), _daily_return),
            "hours_accounted": (_HOURS, _hours_accounted),
        },
    ),
    MartSuite(
        "hourly_stats", "timestamp", ("venue", "symbol", "timestamp"),
        ("close", "return_1h", "volume", "high_low_range"), mart_laws.of_hourly, {},
    ),
    MartSuite(
        "consolidated_ohlcv", "timestamp", ("symbol", "interval", "timestamp"),
        (*_BAR, "open", "volume", "vwap", "venue_count"), mart_laws.of_consolidated, _OUTSIDE,
        has_instruments=False,
    ),
    MartSuite(
        "features_daily", "date", _DAY, ("close", "return_1d", "volatility_30d", "funding_rate"),
        mart_laws.of_features, {},
    ),
    MartSuite(
        "risk_daily", "date", _DAY, ("close", "daily_return", "var_95", "cvar_95", "drawdown"),
        mart_laws.of_risk, {},
    ),
    MartSuite(
        "ops_completeness", "date", ("venue", "symbol", "interval", "date"),
        ("expected_count", "present_count", "missing_count", "completeness"),
        mart_laws.of_completeness,
        {
            "present_share": (
                ("present_count", "expected_count"),
                lambda frame: frame["present_count"] / frame["expected_count"],
            )
        },
        has_instruments=False,
    ),
    MartSuite(
        "instruments", "", ("venue", "symbol", "listed_at", "valid_from"),
        ("tick_size", "lot_size", "contract_size", "status", "valid_to", "is_current"),
        mart_laws.of_instruments,
        {
            "current_versions": (
                ("venue", "symbol", "listed_at", "is_current"),
                _current_versions,
            )
        },
        has_instruments=False,
    ),
)  # fmt: skip
