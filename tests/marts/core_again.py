"""The core marts once more: every flag and score from the raw rows, window by window in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from marts_support import MartsLab

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
_KNOWN: dict[Any, pd.DataFrame] = {}


def judged_candles(lab: MartsLab) -> pd.DataFrame:
    """Raw hours with flags and scores, as `ohlcv` should have them."""
    if lab.folder not in _KNOWN:
        candles = lab.candles()
        series = [_alone(rows) for _, rows in candles.groupby(["venue", "symbol"])]
        _KNOWN[lab.folder] = _scored(_beside(pd.concat(series, ignore_index=True)))
    return _KNOWN[lab.folder].copy()


def scores_before(
    times: pd.Series[Any], values: pd.Series[Any], span: pd.Timedelta, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the span before each value, and the value in its deviations from that mean."""
    at, said = times.to_numpy(), values.to_numpy(dtype=float)
    first = np.searchsorted(at, at - span.to_numpy())
    means, scores = np.full(len(at), np.nan), np.full(len(at), np.nan)
    for row, start in enumerate(first):
        before = said[start:row]
        if len(before):
            means[row] = before.mean()
        if len(before) >= max(least, 2):
            deviation = before.std(ddof=1)
            if deviation > 0:
                scores[row] = (said[row] - means[row]) / deviation
    return means, scores


def _alone(rows: pd.DataFrame) -> pd.DataFrame:
    """What a series tells by itself."""
    rows = rows.sort_values("timestamp", ignore_index=True)
    time, close = rows["timestamp"], rows["close"]
    mean_price, _ = scores_before(time, close, 7 * DAY, 2)
    _, rows["volume_z_score"] = scores_before(time, rows["volume"], 7 * DAY, 24)
    before = close.shift().where(time.diff() <= 7 * DAY)
    rows["is_price_jump"] = (close / before - 1).abs() > 0.2
    rows["is_price_out_of_range"] = (close > mean_price * 10) | (close < mean_price / 10)
    rows["is_volume_outlier"] = rows["volume_z_score"].abs() > 8
    rows["is_ohlc_inconsistent"] = (
        (rows["high"] < rows[["open", "close"]].max(axis=1))
        | (rows["low"] > rows[["open", "close"]].min(axis=1))
        | (rows["low"] <= 0)
        | (rows["volume"] < 0)
    )
    flat = (rows["volume"] == 0) & (rows["high"] == rows["low"]) & (rows["open"] == close)
    rows["is_flat_run"] = np.all([(time - n * HOUR).isin(time[flat]) for n in range(3)], axis=0)
    return rows


def _beside(candles: pd.DataFrame) -> pd.DataFrame:
    """The distance to the nearest other venue."""
    hour = ["symbol", "timestamp"]
    beside = candles.pivot(index=hour, columns="venue", values="close")
    nearest = {}
    for venue, own in beside.items():
        ratio = beside.drop(columns=venue).div(own, axis=0)
        nearest[venue] = ratio.where(ratio >= 1, 1 / ratio).min(axis=1) - 1
    told = pd.DataFrame(nearest).stack().rename("apart").rename_axis([*hour, "venue"])
    found = candles.join(told, on=[*hour, "venue"])["apart"].to_numpy()
    return candles.assign(cross_venue_divergence=found, is_cross_venue_divergent=found > 0.05)


def _scored(candles: pd.DataFrame) -> pd.DataFrame:
    costs = {
        "is_ohlc_inconsistent": 50,
        "is_price_out_of_range": 50,
        "is_cross_venue_divergent": 30,
        "is_price_jump": 20,
        "is_flat_run": 20,
        "is_volume_outlier": 10,
    }
    lost = sum(candles[flag].astype(int) * cost for flag, cost in costs.items())
    return candles.assign(quality_score=np.maximum(0, 100 - lost) / 100)


def absent_hours(lab: MartsLab) -> pd.DataFrame:
    """Every hour that is absent from a series, with its reason."""
    gaps = lab.query("select * from ops.gaps where dataset = 'ohlcv' and \"interval\" = '1h'")
    rows = [
        (gap.venue, gap.symbol, hour, gap.reason)
        for gap in gaps.itertuples()
        for hour in pd.date_range(gap.gap_start, gap.gap_end, freq="h", inclusive="left")
    ]
    return pd.DataFrame(rows, columns=["venue", "symbol", "timestamp", "reason"])


def judged_funding(lab: MartsLab) -> pd.DataFrame:
    """Raw settlements with flags and scores, as `funding_rates` should have them."""
    versions = pd.concat([lab.raw(f"{venue}_instruments") for venue in ("binance", "okx", "aster")])
    parts = []
    for (venue, symbol), rows in lab.funding().groupby(["venue", "symbol"]):
        mine = versions[(versions["venue"] == venue) & (versions["symbol"] == symbol)]
        parts.append(_settlements(rows, mine.sort_values("valid_from")))
    return pd.concat(parts, ignore_index=True)


def _settlements(rows: pd.DataFrame, versions: pd.DataFrame) -> pd.DataFrame:
    rows = rows.sort_values("timestamp", ignore_index=True)
    time, rate, hours = rows["timestamp"], rows["funding_rate"], rows["interval_hours"]
    _, rows["rate_z_score"] = scores_before(time, rate, 30 * DAY, 21)
    rows["annualised_rate"] = rate * 365 * 24 / hours
    known = hours.notna() & hours.shift().notna() & (time.diff() <= 30 * DAY)
    rows["is_interval_changed"] = known & (hours != hours.shift())
    rows["is_rate_outlier"] = rows["rate_z_score"].abs() > 8
    rows["is_outside_cap"] = _is_outside(time, rate, versions)
    lost = (
        rows["is_outside_cap"] * 50
        + rows["is_interval_changed"] * 10
        + rows["is_rate_outlier"] * 10
    )
    return rows.assign(quality_score=np.maximum(0, 100 - lost) / 100)


def _is_outside(
    time: pd.Series[Any], rate: pd.Series[Any], versions: pd.DataFrame
) -> pd.Series[Any]:
    """By the limits of the instrument as it was then; of its first version before there was one."""
    if not len(versions):
        return pd.Series(False, index=time.index)
    seen = versions["valid_from"].searchsorted(time, side="right") - 1
    version = versions.iloc[np.maximum(seen, 0)].set_index(time.index)
    is_over = version["valid_to"].notna() & (version["valid_to"] <= time)
    return ((rate > version["funding_cap"]) | (rate < version["funding_floor"])) & ~is_over
