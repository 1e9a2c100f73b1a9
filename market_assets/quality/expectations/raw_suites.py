"""The suites of the raw tables: candles and funding of one venue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.quality.expectations import laws
from market_assets.quality.expectations.laws import Law
from market_assets.quality.expectations.stored import (
    Derived,
    Stored,
    derive,
    is_known,
    since_before,
)
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV, Dataset
from market_assets.schemas.rules import FUNDING_CEILING
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, INTERVALS, Window, to_ms

if TYPE_CHECKING:
    import pandas as pd

SETTLED = ("no_trade", "venue_outage", "not_listed")
_SERIES = ("symbol", "interval")


@dataclass(frozen=True)
class Subject:
    """One frame that is judged by one suite; several may be about one table."""

    table: str
    name: str
    frame: pd.DataFrame
    laws: tuple[Law, ...]


def due_window(stored: Stored, venue: str) -> Window:
    """The part of the window in which the venue is collected."""
    options = stored.settings.venue(venue)
    end = None if options.end is None else to_ms(options.end) + DAY_MS
    return stored.window.clip(to_ms(options.start), end)


def _without_released(
    rows: pd.DataFrame, stored: Stored, venue: str, dataset: Dataset
) -> pd.DataFrame:
    """A row that a person let in breaks a law on purpose."""
    released = stored.warehouse.accepted_keys(venue, dataset, stored.window)
    if not released:
        return rows
    intervals = rows["interval"] if "interval" in rows else [""] * len(rows)
    times = rows["timestamp"].astype("datetime64[ms]").astype("int64")
    keys = zip(rows["symbol"], intervals, times, strict=True)
    return rows[[key not in released for key in keys]].reset_index(drop=True)


def raw_subjects(stored: Stored, venue: str, dataset: Dataset) -> list[Subject]:
    """The rows of the table, and how complete each of its series is."""
    table = f"raw.{venue}_{dataset.name}"
    known = stored.known(f"raw.{venue}_instruments")
    if dataset is OHLCV:
        rows = stored.frame(table, "timestamp", ["symbol", '"interval"', "timestamp"])
        rows = _without_released(rows, stored, venue, dataset)
        derived, suite = _of_candles(known), candle_laws(len(rows))
        series = _candle_series(stored, venue)
    else:
        rows = stored.frame(table, "timestamp", ["symbol", "timestamp"])
        rows = _without_released(rows, stored, venue, dataset)
        derived, suite = _of_funding(known), funding_laws(len(rows))
        series = _funding_series(stored, venue)
    columns = laws.has_columns([*dataset.column_names, *derived], exactly=True)
    typed = [
        law
        for column in dataset.columns
        if not column.nullable
        for law in (laws.is_of_type(column.name, column.kind), laws.is_there(column.name))
    ]
    rows = derive(rows, derived)
    found = [Subject(table, table, rows, (columns, *typed, laws.is_unique(dataset.key), *suite))]
    if len(series):
        least = stored.settings.thresholds.completeness_percent
        found.append(Subject(table, f"{table}_series", series, completeness_laws(least)))
    return found


def candle_laws(rows: int) -> tuple[Law, ...]:
    """What candles obey, whatever the market does; and what a sane market does."""
    exact = (
        laws.lies_between(
            "monotonic time", "Each candle is later than the one before", "candles_later", 1
        ),
        laws.lies_between("on grid", "Candles open on their grid", "off_grid_seconds", 0, 0),
        laws.is_not_below("high over low", "high is not below low", "high", "low"),
        laws.is_not_below("high over open", "high is not below open", "high", "open"),
        laws.is_not_below("high over close", "high is not below close", "high", "close"),
        laws.is_not_below("open over low", "low is not above open", "open", "low"),
        laws.is_not_below("close over low", "low is not above close", "close", "low"),
        laws.is_above("price above 0", "No price is 0 or less", "low", 0),
        laws.lies_between("volume range", "No volume is below 0", "volume", 0),
        laws.lies_between("quote volume range", "No quote volume is below 0", "quote_volume", 0),
        known_law(),
    )
    if rows < laws.LEAST_VALUES:
        return exact
    return (
        *exact,
        laws.averages(
            "mean return", "The mean hourly return is below 0.5 %", "hourly_return", -0.005, 0.005
        ),
        laws.averages(
            "median return",
            "The median hourly return is below 0.2 %",
            "hourly_return",
            -0.002,
            0.002,
            by="Median",
        ),
        laws.averages(
            "spread of returns",
            "Hourly returns spread by 0.005 % to 10 %",
            "hourly_return",
            0.00005,
            0.1,
            by="Stdev",
        ),
        laws.lies_between(
            "quantiles of returns",
            "98 % of hourly returns are within 20 %",
            "hourly_return",
            -0.2,
            0.2,
            mostly=0.98,
            severity="warn",
        ),
        laws.averages(
            "share of zero volume", "At most 20 % of candles have no volume", "is_quiet", 0, 0.2
        ),
    )


def funding_laws(rows: int) -> tuple[Law, ...]:
    """What settlements obey, and what a sane market does."""
    exact = (
        laws.lies_between(
            "monotonic time",
            "Settlements are at least half an hour apart",
            "seconds_since_before",
            1800,
        ),
        laws.lies_between(
            "rate range",
            f"No rate is beyond {FUNDING_CEILING:.0%}",
            "funding_rate",
            -FUNDING_CEILING,
            FUNDING_CEILING,
        ),
        laws.lies_between(
            "interval range", "Settlements are 1 to 24 hours apart", "interval_hours", 1, 24
        ),
        laws.lies_between(
            "rounding", "The venue's time is within a minute of ours", "rounded_seconds", -60, 60
        ),
        known_law(),
    )
    if rows < laws.LEAST_VALUES:
        return exact
    return (
        *exact,
        laws.averages(
            "median rate",
            "The median rate is below 0.3 %",
            "funding_rate",
            -0.003,
            0.003,
            by="Median",
        ),
        laws.averages(
            "spread of rates", "Rates spread by less than 1 %", "funding_rate", 0, 0.01, by="Stdev"
        ),
    )


def completeness_laws(least_percent: float) -> tuple[Law, ...]:
    return (
        laws.lies_between(
            "completeness",
            f"Each series is at least {least_percent:g} % complete",
            "completeness",
            least_percent / 100,
            1,
        ),
    )


def known_law() -> Law:
    return laws.is_one_of(
        "known instruments", "Every symbol is in instruments", "is_known_instrument", [True]
    )


def _of_candles(known: frozenset[tuple[str, str]]) -> Derived:
    import numpy as np

    def hours(frame: pd.DataFrame) -> pd.Series:
        return frame["interval"].map(INTERVALS) / HOUR_MS

    def later(frame: pd.DataFrame) -> pd.Series:
        return since_before(_SERIES, "timestamp")(frame) / 3600 / hours(frame)

    def off_grid(frame: pd.DataFrame) -> pd.Series:
        micros = frame["timestamp"].astype("datetime64[us]").astype("int64")
        return (micros % (hours(frame) * 3_600_000_000)) / 1e6

    def hourly_return(frame: pd.DataFrame) -> pd.Series:
        """Of candles without a gap between them; longer ones by the root of their length."""
        before = since_before(_SERIES, "timestamp", "close")(frame)
        usable = (before > 0) & (frame["close"] > 0) & (later(frame) == 1)
        ratio = (frame["close"] / before).where(usable)
        return np.log(ratio) / np.sqrt(hours(frame))

    return {
        "candles_later": (("symbol", "interval", "timestamp"), later),
        "off_grid_seconds": (("interval", "timestamp"), off_grid),
        "hourly_return": (("symbol", "interval", "timestamp", "close"), hourly_return),
        "is_quiet": (("volume",), lambda frame: (frame["volume"] == 0).astype(float)),
        "is_known_instrument": (("venue", "symbol"), is_known(known)),
    }


def _of_funding(known: frozenset[tuple[str, str]]) -> Derived:
    def rounded(frame: pd.DataFrame) -> pd.Series:
        return (frame["raw_timestamp"] - frame["timestamp"]).dt.total_seconds()

    return {
        "seconds_since_before": (("symbol", "timestamp"), since_before(["symbol"], "timestamp")),
        "rounded_seconds": (("timestamp", "raw_timestamp"), rounded),
        "is_known_instrument": (("venue", "symbol"), is_known(known)),
    }


def _candle_series(stored: Stored, venue: str) -> pd.DataFrame:
    """Expected, stored and rightly absent candles of every series that is collected."""
    import pandas as pd

    window = due_window(stored, venue)
    counted = stored.warehouse.coverage_by_day(
        venues=[venue], datasets=[OHLCV.name], window=window
    ).to_pandas()
    options = stored.settings.venue(venue)
    rows = []
    for symbol in options.symbols:
        for interval in options.intervals:
            own = counted[(counted["symbol"] == symbol) & (counted["interval"] == interval)]
            expected = len(window.grid(INTERVALS[interval]))
            present, absent = int(own["rows"].sum()), int(own[list(SETTLED)].sum().sum())
            if expected:
                complete = min(1.0, (present + absent) / expected)
                rows.append((symbol, interval, expected, present, absent, complete))
    names = ["symbol", "interval", "expected", "present", "rightly_absent", "completeness"]
    return pd.DataFrame(rows, columns=names)


def _funding_series(stored: Stored, venue: str) -> pd.DataFrame:
    """The share of the time of which every settlement is known."""
    import pandas as pd

    window = due_window(stored, venue)
    symbols = stored.settings.venue(venue).symbols
    covered = stored.warehouse.covered(venue, FUNDING_RATES, "", symbols, window)
    rows = [
        (symbol, sum(part.length for part in parts) / window.length)
        for symbol, parts in covered.items()
        if window
    ]
    return pd.DataFrame(rows, columns=["symbol", "completeness"])
