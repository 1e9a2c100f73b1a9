"""Every number of the feature marts, once more from raw, and that none knows of what came later."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from late_days import CUT, FIRST, LateDays
from marts_support import MartsLab
from recomputed import (
    Numbers,
    back,
    days_of,
    deviation,
    most_of,
    on_grid,
    rolled,
    same,
    slope_and_correlation,
    windows,
)

pytestmark = pytest.mark.xdist_group("marts")

BENCHMARK = "BTCUSDT"
HOURLY = {"1h": 1, "4h": 4, "24h": 24, "7d": 168}
DAILY = {"1d": 1, "7d": 7, "30d": 30}


def own_features(
    bars: pd.DataFrame,
    *,
    year: int,
    returns: Mapping[str, int],
    spans: Mapping[str, int],
    bands: tuple[str, int],
    atr: tuple[str, int],
    activity: tuple[str, int],
) -> pd.DataFrame:
    """What a series tells by itself; the grid has a row of NaN where a bar is absent."""
    price, high, low, opened = (
        bars[name].to_numpy(dtype=float) for name in ("close", "high", "low", "open")
    )
    volume, quote, bought = (
        bars[name].to_numpy(dtype=float) for name in ("volume", "quote_volume", "taker_buy_volume")
    )
    found: dict[str, object] = {"close": price}
    for name, steps in returns.items():
        found[f"return_{name}"] = price / back(price, steps) - 1
        found[f"log_return_{name}"] = np.log(price / back(price, steps))
    one, longest = next(iter(returns)), list(spans)[-1]
    moves = np.log(price / back(price, 1))
    long_run = rolled(moves, spans[longest], deviation)
    for name, span in spans.items():
        found[f"volatility_{name}"] = rolled(moves, span, deviation) * np.sqrt(year)
        ranges = rolled(np.log(high / low) ** 2, span, np.nanmean)
        bodies = rolled(np.log(price / opened) ** 2, span, np.nanmean)
        found[f"parkinson_volatility_{name}"] = np.sqrt(ranges * year / (4 * np.log(2)))
        found[f"garman_klass_volatility_{name}"] = np.sqrt(
            year * (ranges / 2 - (2 * np.log(2) - 1) * bodies)
        )
        found[f"sma_{name}"] = middle = rolled(price, span, np.nanmean)
        found[f"momentum_{name}"] = np.log(price / back(price, span)) / (long_run * np.sqrt(span))
        found[f"price_z_score_{name}"] = (price - middle) / rolled(price, span, deviation)
    found[f"return_z_score_{longest}"] = (
        moves - rolled(moves, spans[longest], np.nanmean)
    ) / long_run
    before = np.where(np.isfinite(back(price, 1)), back(price, 1), price)
    candidates = np.array([high - low, np.abs(high - before), np.abs(low - before)])
    found[f"atr_{atr[0]}"] = rolled(candidates.max(axis=0), atr[1], np.nanmean)
    name, span = bands
    middle, spread = rolled(price, span, np.nanmean), rolled(price, span, np.nanstd)
    upper, lower = middle + 2 * spread, middle - 2 * spread
    found |= {f"bollinger_middle_{name}": middle, f"bollinger_upper_{name}": upper}
    found[f"bollinger_lower_{name}"] = lower
    found[f"bollinger_position_{name}"] = (price - lower) / (upper - lower)
    name, span = activity
    found[f"volume_ratio_{name}"] = volume / rolled(volume, span, np.nanmean)
    sold = volume - bought
    found[f"taker_imbalance_{one}"] = (bought - sold) / np.where(volume > 0, volume, np.nan)
    all_bought, all_sold = rolled(bought, span, np.nansum), rolled(sold, span, np.nansum)
    found[f"taker_imbalance_{name}"] = (all_bought - all_sold) / (all_bought + all_sold)
    vwap = rolled(quote, span, np.nansum) / rolled(volume, span, np.nansum)
    found[f"vwap_distance_{name}"] = price / vwap - 1
    found[f"efficiency_ratio_{name}"] = ratio = efficiency(price, span)
    found["regime"] = np.where(
        np.isfinite(ratio), np.where(ratio >= 0.3, "trending", "ranging"), None
    )
    frame = pd.DataFrame(found, index=bars.index)
    return frame.assign(move=moves)


def efficiency(price: Numbers, span: int) -> Numbers:
    """How much of the way from candle to candle is left; absent candles are no part of the way."""
    found = np.full(len(price), np.nan)
    for place, row in enumerate(windows(price, span + 1)):
        there = row[np.isfinite(row)]
        # Only at a candle, from a candle, and with enough steps between.
        if np.isfinite(row[[0, -1]]).all() and len(there) > most_of(span) - 1:
            steps = np.abs(np.diff(np.log(there)))
            if len(steps) >= most_of(span) and steps.sum() > 0:
                found[place] = abs(np.log(row[-1] / row[0])) / steps.sum()
    return found


def against_benchmark(features: pd.DataFrame, name: str, span: int) -> pd.DataFrame:
    """Beta and correlation, of each series with the benchmark of its venue."""
    parts = []
    for (venue, _), series in features.groupby(["venue", "symbol"]):
        of_venue = features[(features["venue"] == venue) & (features["symbol"] == BENCHMARK)]
        beside = of_venue["move"].reindex(series.index).to_numpy()
        move = series["move"].to_numpy()
        beta, correlation = slope_and_correlation(move, beside, span)
        parts.append(series.assign(**{f"beta_{name}": beta, f"correlation_{name}": correlation}))
    return pd.concat(parts).drop(columns="move")


def funding_known(
    closes: pd.Series, settled: pd.DataFrame, spans: Mapping[str, int], nearest: int
) -> pd.DataFrame:
    """Of the settlements of one series: what was known when each bar closed."""
    hours = settled["timestamp"].to_numpy(dtype="datetime64[s]").astype(np.int64) / 3600
    rates, intervals = settled["funding_rate"].to_numpy(), settled["interval_hours"].to_numpy()
    found = []
    for close in closes.to_numpy(dtype="datetime64[s]").astype(np.int64) / 3600:
        row: dict[str, float] = {}
        end = np.searchsorted(hours, close)
        last = end - 1 if end > np.searchsorted(hours, close - nearest) else None
        row["funding_rate"] = np.nan if last is None else rates[last]
        row["funding_rate_annualised"] = (
            np.nan if last is None else rates[last] * 24 / intervals[last] * 365
        )
        for name, span in spans.items():
            inside = slice(np.searchsorted(hours, close - span), end)
            whole = intervals[inside].sum() > span - 8
            row[f"funding_{name}"] = rates[inside].sum() if whole else np.nan
            row[f"funding_carry_{name}"] = row[f"funding_{name}"] * 8760 / span
        found.append(row)
    return pd.DataFrame(found, index=closes.index)


def with_funding(
    features: pd.DataFrame, funding: pd.DataFrame, bar: str, spans: Mapping[str, int], nearest: int
) -> pd.DataFrame:
    parts = []
    for (venue, symbol), series in features.groupby(["venue", "symbol"]):
        settled = funding[(funding["venue"] == venue) & (funding["symbol"] == symbol)]
        closes = pd.Series(series.index + pd.Timedelta(bar), index=series.index)
        parts.append(series.join(funding_known(closes, settled, spans, nearest)))
    return pd.concat(parts)


def beside_other_venues(candles: pd.DataFrame) -> pd.DataFrame:
    """The distance of each close from the volume-weighted close of all venues."""
    hour = candles.groupby(["symbol", "timestamp"])
    weight = candles["volume"].where(hour["volume"].transform("sum") > 0, 1.0)
    weighted = candles.assign(weight=weight, weighted=weight * candles["close"])
    sums = weighted.groupby(["symbol", "timestamp"])[["weighted", "weight"]].transform("sum")
    spread = candles["close"] / (sums["weighted"] / sums["weight"]) - 1
    return candles.assign(cross_venue_spread=spread.where(hour["close"].transform("count") > 1))


def test_every_hourly_feature_recomputed_from_raw(winter: MartsLab) -> None:
    candles = beside_other_venues(winter.candles())
    parts = []
    for (venue, symbol), bars in on_grid(candles, "timestamp", "h"):
        own = own_features(
            bars,
            year=365 * 24,
            returns=HOURLY,
            spans={"24h": 24, "7d": 168},
            bands=("24h", 24),
            atr=("14h", 14),
            activity=("24h", 24),
        )
        spread = bars["cross_venue_spread"].to_numpy(dtype=float)
        parts.append(
            own.assign(
                venue=venue,
                symbol=symbol,
                cross_venue_spread=spread,
                basis_24h=rolled(spread, 24, np.nanmean),
            )
        )
    grid = against_benchmark(pd.concat(parts), "7d", 168)
    known = with_funding(
        grid[grid["close"].notna()], winter.funding(), "1h", {"24h": 24, "7d": 168}, 24
    )
    expected = known.rename_axis("timestamp").reset_index()
    quality = winter.query(
        "select venue, symbol, timestamp, quality_score from marts.ohlcv where interval = '1h'"
    )
    keys = ["venue", "symbol", "timestamp"]
    same(winter.mart("features_hourly"), expected.merge(quality, on=keys), keys)


def test_every_daily_feature_recomputed_from_raw(winter: MartsLab) -> None:
    parts = []
    for (venue, symbol), bars in on_grid(days_of(winter.candles()), "date", "D"):
        own = own_features(
            bars,
            year=365,
            returns=DAILY,
            spans={"7d": 7, "30d": 30},
            bands=("20d", 20),
            atr=("14d", 14),
            activity=("30d", 30),
        )
        parts.append(own.assign(venue=venue, symbol=symbol))
    grid = against_benchmark(pd.concat(parts), "30d", 30)
    known = with_funding(
        grid[grid["close"].notna()],
        winter.funding(),
        "1D",
        {"1d": 24, "7d": 168, "30d": 720},
        24,
    )
    expected = known.rename_axis("date").reset_index()
    keys = ["venue", "symbol", "date"]
    bars = winter.query(
        "select venue, symbol, date, is_complete, quality_score from marts.daily_ohlcv"
    )
    found = winter.mart("features_daily").astype({"date": "datetime64[us]"})
    same(found, expected.merge(bars.astype({"date": "datetime64[us]"}), on=keys), keys)


def test_the_winter_has_what_features_stumble_over(winter: MartsLab) -> None:
    hours = winter.mart("features_hourly")
    assert set(hours["regime"].dropna()) == {"trending", "ranging"}
    numbers = hours.select_dtypes("float")
    assert numbers.columns[numbers.isna().all()].empty
    # Over a hole there is no return, but the statistics of the windows around it go on.
    assert (hours["return_1h"].isna() & hours["volatility_7d"].notna()).any()
    assert hours["basis_24h"].notna().any()
    assert not np.isinf(numbers.to_numpy(dtype=float)).any()


@pytest.mark.parametrize(
    ("mart", "keys"),
    [
        ("features_hourly", ["venue", "symbol", "timestamp"]),
        ("features_daily", ["venue", "symbol", "date"]),
        ("risk_daily", ["venue", "symbol", "date"]),
        ("correlation_daily", ["venue", "symbol", "other_symbol", "date"]),
    ],
)
def test_no_row_knows_what_came_later(
    winter: MartsLab, late: LateDays, mart: str, keys: list[str]
) -> None:
    time = keys[-1]
    end, last = (CUT, "1h") if time == "timestamp" else (CUT.normalize(), "1D")
    then = late.half[mart]
    then = then[pd.to_datetime(then[time]) < end]
    assert pd.Timestamp(then[time].max()) == end - pd.Timedelta(last)
    same(then, winter.mart(mart, f"{time} >= '{FIRST}' and {time} < '{end}'"), keys)
