"""Every number of the risk marts, once more from raw, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from marts_support import RISK_DAYS, MartsLab
from recomputed import Numbers, back, days_of, on_grid, rolled, same, slope_and_correlation, windows

pytestmark = pytest.mark.xdist_group("marts")

WINDOW, LEAST = RISK_DAYS, 30
NORMAL = {
    95: (1.6448536269514722, 2.062712807507429),
    99: (2.3263478740408408, 2.665214220345806),
}
MARGIN = 0.005
LEVERAGES = (2, 3, 5, 10, 20, 50, 100)


def returns_of(winter: MartsLab) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The days of each series, those without a bar as rows of NaN, with their simple return."""
    for (venue, symbol), bars in on_grid(days_of(winter.candles()), "date", "D"):
        price = bars["close"].to_numpy(dtype=float)
        yield venue, symbol, bars.assign(daily_return=price / back(price, 1) - 1)


def figures(returns: Numbers) -> dict[str, float]:
    """What the returns of one window say."""
    n = len(returns)
    names = [
        "annualised_return",
        "annualised_volatility",
        "downside_deviation",
        "sharpe_ratio",
        "sortino_ratio",
        "skewness",
        "excess_kurtosis",
    ]
    names += [f"{kind}_{level}" for kind in ("var", "cvar") for level in NORMAL]
    names += [f"gaussian_{kind}_{level}" for kind in ("var", "cvar") for level in NORMAL]
    if n < LEAST:
        return {"return_count": n} | dict.fromkeys(names, np.nan)
    mean, spread = returns.mean(), returns.std(ddof=1)
    downside = np.sqrt((np.minimum(returns, 0) ** 2).mean())
    standard = (returns - mean) / returns.std()
    found = {
        "return_count": n,
        "annualised_return": mean * 365,
        "annualised_volatility": spread * np.sqrt(365),
        "downside_deviation": downside * np.sqrt(365),
        "sharpe_ratio": mean / spread * np.sqrt(365),
        "sortino_ratio": mean / downside * np.sqrt(365),
        "skewness": (standard**3).mean(),
        "excess_kurtosis": (standard**4).mean() - 3,
    }
    for level, (quantile, beyond) in NORMAL.items():
        value = np.quantile(returns, (100 - level) / 100)
        found[f"var_{level}"] = -value
        # A rounding above, so that a return that is the quantile itself counts.
        found[f"cvar_{level}"] = -returns[returns <= value + 1e-12].mean()
        found[f"gaussian_var_{level}"] = quantile * spread - mean
        found[f"gaussian_cvar_{level}"] = beyond * spread - mean
    return found


def falls(levels: Numbers) -> dict[str, float]:
    """The drawdown at the end of a window, and the deepest in it."""
    there = levels[np.isfinite(levels)]
    distance = there / np.maximum.accumulate(there) - 1
    return {"drawdown": distance[-1], "max_drawdown": distance.min()}


def risk_of(returns: Numbers, levels: Numbers, days: pd.Index[Any]) -> pd.DataFrame:
    """One row for each day with a level."""
    rows: list[Mapping[str, float]] = []
    for row, level in zip(windows(returns, WINDOW), windows(levels, WINDOW), strict=True):
        there = row[np.isfinite(row)]
        rows.append(figures(there) | falls(level) if np.isfinite(level[-1]) else {})
    found = pd.DataFrame(rows, index=days)
    return found[np.isfinite(levels)].astype({"return_count": int})


def with_days(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"date": "datetime64[us]"})


def bars_marked(winter: MartsLab) -> pd.DataFrame:
    return with_days(winter.query("select venue, symbol, date, is_complete from marts.daily_ohlcv"))


def test_every_figure_of_a_symbol_recomputed_from_raw(winter: MartsLab) -> None:
    parts = []
    for venue, symbol, bars in returns_of(winter):
        returns, price, quote = (
            bars[name].to_numpy(dtype=float) for name in ("daily_return", "close", "quote_volume")
        )
        # A halt all day has no volume: what a price moved by nothing is not known.
        amihud = np.abs(returns) / np.where(quote > 0, quote, np.nan) * 1e6
        own = bars.assign(
            average_quote_volume_30d=rolled(quote, 30, np.nanmean),
            amihud_illiquidity_30d=rolled(amihud, 30, np.nanmean),
            venue=venue,
            symbol=symbol,
        )
        kept = [
            "venue",
            "symbol",
            "close",
            "daily_return",
            "average_quote_volume_30d",
            "amihud_illiquidity_30d",
        ]
        parts.append(own[kept].join(risk_of(returns, price, bars.index), how="inner"))
    keys = ["venue", "symbol", "date"]
    expected = pd.concat(parts).rename_axis("date").reset_index()
    same(with_days(winter.mart("risk_daily")), expected.merge(bars_marked(winter), on=keys), keys)


def test_every_figure_of_a_portfolio_recomputed_from_raw(winter: MartsLab) -> None:
    weights = {"BTCUSDT": 0.6, "ETHUSDT": 0.4}
    of_binance = {
        symbol: bars["daily_return"]
        for venue, symbol, bars in returns_of(winter)
        if venue == "binance" and symbol in weights
    }
    together = pd.DataFrame(of_binance)
    total = sum(together[symbol] * weight for symbol, weight in weights.items())
    returns = pd.Series(total, index=together.index).to_numpy(dtype=float)
    levels = np.cumprod(1 + np.nan_to_num(returns))
    marked = bars_marked(winter)
    parts = marked[(marked["venue"] == "binance") & marked["symbol"].isin(weights)]
    complete = parts.groupby("date")["is_complete"].agg(
        lambda found: len(found) == 2 and found.all()
    )
    expected = (
        risk_of(returns, levels, together.index)
        .assign(portfolio="majors", venue="binance", daily_return=returns)
        .join(complete)
        .rename_axis("date")
        .reset_index()
    )
    same(with_days(winter.mart("risk_portfolio_daily")), expected, ["portfolio", "date"])


def test_every_correlation_recomputed_from_raw(winter: MartsLab) -> None:
    series = {(venue, symbol): bars for venue, symbol, bars in returns_of(winter)}
    parts = []
    for (venue, symbol), mine in series.items():
        for (other_venue, other_symbol), its in series.items():
            if venue != other_venue or symbol == other_symbol:
                continue
            days = mine["close"].dropna().index.intersection(its["close"].dropna().index)
            grid = pd.date_range(days[0], days[-1])
            one, other = (side["daily_return"].reindex(grid).to_numpy() for side in (mine, its))
            _, correlation = slope_and_correlation(one, other, 90, least=20)
            pairs = np.isfinite(windows(one, 90)) & np.isfinite(windows(other, 90))
            found = pd.DataFrame(
                {"correlation": correlation, "pair_count": pairs.sum(axis=1)}, index=grid
            ).loc[days]
            parts.append(found.assign(venue=venue, symbol=symbol, other_symbol=other_symbol))
    expected = pd.concat(parts).rename_axis("date").reset_index()
    same(
        with_days(winter.mart("correlation_daily")),
        expected,
        ["venue", "symbol", "other_symbol", "date"],
    )


def bucket(distance: float) -> str:
    edges = {0.01: "under 1 %", 0.02: "1-2 %", 0.05: "2-5 %", 0.1: "5-10 %", 0.2: "10-20 %"}
    return next((name for edge, name in edges.items() if distance < edge), "over 20 %")


def test_every_liquidation_distance_recomputed_from_raw(winter: MartsLab) -> None:
    parts = []
    for venue, symbol, bars in returns_of(winter):
        returns = bars["daily_return"].to_numpy(dtype=float)
        spread = rolled(returns, WINDOW, lambda rows, axis: np.nanstd(rows, axis, ddof=1), LEAST)
        ways = {"long": 1 - bars["low"] / bars["open"], "short": bars["high"] / bars["open"] - 1}
        for side, way in ways.items():
            moves = windows(way.to_numpy(dtype=float), WINDOW)
            days = np.isfinite(moves).sum(axis=1)
            for leverage in LEVERAGES:
                distance = 1 / leverage - MARGIN
                share = (moves >= distance).sum(axis=1) / np.maximum(days, 1)
                found = pd.DataFrame(
                    {
                        "venue": venue,
                        "symbol": symbol,
                        "side": side,
                        "leverage": leverage,
                        "distance": distance,
                        "bucket": bucket(distance),
                        "distance_in_deviations": distance / spread,
                        "day_count": days,
                        "share_of_days_reached": np.where(days >= LEAST, share, np.nan),
                    },
                    index=bars.index,
                )
                parts.append(found[bars["close"].notna()])
    expected = pd.concat(parts).rename_axis("date").reset_index()
    same(
        with_days(winter.mart("liquidation_distance_daily")),
        expected,
        ["venue", "symbol", "side", "leverage", "date"],
    )


def test_the_winter_has_more_days_than_a_window(winter: MartsLab) -> None:
    risk = winter.mart("risk_daily")
    assert risk["return_count"].max() == WINDOW
    assert len(risk) > len(risk.dropna(subset="var_95")) > 500
    assert set(winter.mart("liquidation_distance_daily")["side"]) == {"long", "short"}
