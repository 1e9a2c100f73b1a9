"""Fills and reference strategies: each number once more from raw, and nothing from the future."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from late_days import ALONE, FIRST, NEXT, LateDays
from made_by_hand import made_fills
from marts_support import MartsLab
from recomputed import days_of, on_grid, same, windows

pytestmark = pytest.mark.xdist_group("marts")

KEY = ["strategy", "venue", "symbol", "date"]
DAY = pd.Timedelta(days=1)
THRESHOLD, COST = 0.05, 5 / 10_000


def daily(lab: MartsLab) -> pd.DataFrame:
    bars = days_of(lab.candles())
    return bars.assign(date=pd.to_datetime(bars["date"]).astype("datetime64[us]"))


def signals(lab: MartsLab) -> pd.DataFrame:
    """All signals from raw candles and settlements, on a grid of days."""
    funding = lab.funding()
    found = []
    for (venue, symbol), bars in on_grid(daily(lab), "date", "D"):
        close = bars["close"].to_numpy()
        twenty = windows(close, 20)
        count = np.isfinite(twenty).sum(axis=1)
        mine = funding[(funding["venue"] == venue) & (funding["symbol"] == symbol)]
        with np.errstate(invalid="ignore", divide="ignore"):
            momentum = close / np.concatenate([np.full(30, np.nan), close])[: len(close)] - 1
            deviation = np.where(count >= 15, _deviation(twenty), np.nan)
            score = (close - np.nanmean(np.where(count[:, None], twenty, 0), axis=1)) / np.where(
                deviation > 0, deviation, np.nan
            )
        indicators = {
            "momentum": (momentum, np.sign(momentum)),
            "mean_reversion": (score, -np.clip(score, -1, 1)),
        }
        carry = np.where(np.isfinite(close), _carry(mine, bars.index), np.nan)
        position = np.where(carry > THRESHOLD, -1.0, np.where(carry < 0, 1.0, 0.0))
        indicators["funding_carry"] = (carry, position)
        for strategy, (indicator, signal) in indicators.items():
            rows = pd.DataFrame(
                {"date": bars.index, "indicator": indicator, "signal": signal + 0.0}
            ).assign(strategy=strategy, venue=venue, symbol=symbol)
            found.append(rows[rows["indicator"].notna()])
    return pd.concat(found, ignore_index=True)


def _deviation(rows: np.ndarray) -> np.ndarray:
    count = np.isfinite(rows).sum(axis=1)
    mean = np.nansum(rows, axis=1) / count
    squares = np.nansum((rows - mean[:, None]) ** 2, axis=1)
    deviation: np.ndarray = np.sqrt(squares / (count - 1))
    return deviation


def _carry(settlements: pd.DataFrame, days: pd.Index[Any]) -> np.ndarray:
    """The mean yearly funding of the seven days that end with each of these."""
    known = settlements.dropna(subset=["interval_hours"]).sort_values("timestamp")
    first, end = (known["timestamp"].searchsorted(days + step) for step in (-6 * DAY, DAY))
    rate, hours = known["funding_rate"].to_numpy(), known["interval_hours"].to_numpy()
    found = np.full(len(days), np.nan)
    for place, week in enumerate(map(slice, first, end)):
        if hours[week].sum() >= 126:
            found[place] = rate[week].sum() / hours[week].sum() * 8760
    return found


def test_every_signal(winter: MartsLab):
    found = winter.mart("strategy_signals_daily").assign(
        date=lambda rows: pd.to_datetime(rows["date"])
    )
    assert set(found["strategy"]) == {"momentum", "mean_reversion", "funding_carry"}
    assert {-1.0, 0.0, 1.0} <= set(found.loc[found["strategy"] == "funding_carry", "signal"])
    same(found, signals(winter), KEY)


def test_every_return_is_of_the_position_of_the_day_before(winter: MartsLab):
    told = signals(winter).set_index(KEY)["signal"]
    funding = winter.funding()
    funding["date"] = funding["timestamp"].dt.normalize()
    funding["at_midnight"] = funding["timestamp"] == funding["date"]
    paid = funding.groupby(["venue", "symbol", "date", "at_midnight"])["funding_rate"].sum()
    complete = winter.mart("daily_ohlcv")
    complete["date"] = pd.to_datetime(complete["date"])
    is_complete = complete.set_index(["venue", "symbol", "date"])["is_complete"]
    bars = daily(winter).set_index(["venue", "symbol", "date"])["close"]
    rows = []
    for (venue, symbol, date), close in bars.items():
        for strategy in ("momentum", "mean_reversion", "funding_carry"):
            series = (strategy, venue, symbol)
            now, before = told.get((*series, date - DAY)), told.get((*series, date - 2 * DAY))
            if now is None and before is None:
                continue
            held, was = now or 0.0, before or 0.0
            previous = bars.get((venue, symbol, date - DAY), np.nan)
            price_return = close / previous - 1
            price_pnl = held * price_return if held else 0.0
            early, late = (
                paid.get((venue, symbol, date, midnight), 0.0) for midnight in (True, False)
            )
            funding_pnl = -(was * early + held * late)
            turnover = abs(held - was)
            rows.append(
                {
                    "date": date,
                    "strategy": strategy,
                    "symbol": symbol,
                    "venue": venue,
                    "position": held,
                    "price_return": price_return,
                    "turnover": turnover,
                    "price_pnl": price_pnl,
                    "funding_pnl": funding_pnl,
                    "cost": turnover * COST,
                    "pnl": price_pnl + funding_pnl - turnover * COST,
                    "is_complete": is_complete[(venue, symbol, date)],
                }
            )
    found = winter.mart("strategy_returns_daily").assign(
        date=lambda rows: pd.to_datetime(rows["date"])
    )
    same(found, pd.DataFrame(rows), KEY)


def test_a_day_built_alone_is_as_in_the_whole_and_knows_nothing_later(
    winter: MartsLab, late: LateDays
):
    """When that day was built, no mart had a row of a later one; the next days read it."""
    for model in ("strategy_signals_daily", "strategy_returns_daily"):
        where = f"date between date '{FIRST}' and date '{NEXT}'"
        found = late.lab.mart(model, where)
        assert {ALONE, NEXT} <= {str(day)[:10] for day in found["date"]}
        same(found, winter.mart(model, where), KEY)


def test_fills_by_day_strategy_venue_and_symbol(by_hand: MartsLab):
    fills = made_fills()
    fills["date"] = fills["timestamp"].dt.normalize()
    fills["strategy_id"] = fills["strategy_id"].fillna("unassigned")
    rows = []
    for key, day in fills.groupby(["date", "strategy_id", "venue", "symbol"]):
        worth = day["price"] * day["quantity"]
        bought = day["side"] == "buy"
        pnl, fees = day["pnl"].sum(), day["fee"].sum()
        wins, losses = day["pnl"] > 0, day["pnl"] < 0
        gain, loss = day.loc[wins, "pnl"].sum(), -day.loc[losses, "pnl"].sum()
        decided = wins.sum() + losses.sum()
        rows.append(
            dict(zip(["date", "strategy_id", "venue", "symbol"], key, strict=True))
            | {
                "trade_count": len(day),
                "turnover": worth.sum(),
                "bought": worth[bought].sum(),
                "sold": worth[~bought].sum(),
                "net_position_change": day["quantity"].where(bought, -day["quantity"]).sum(),
                "fees": fees,
                "pnl": pnl,
                "gross_profit": gain,
                "gross_loss": loss,
                "win_count": wins.sum(),
                "loss_count": losses.sum(),
                "net_pnl": pnl - fees,
                "win_rate": wins.sum() / decided if decided else np.nan,
                "profit_factor": gain / loss if loss else np.nan,
            }
        )
    found = by_hand.mart("strategy_performance_daily").assign(
        date=lambda rows: pd.to_datetime(rows["date"])
    )
    same(found, pd.DataFrame(rows), ["date", "strategy_id", "venue", "symbol"])
