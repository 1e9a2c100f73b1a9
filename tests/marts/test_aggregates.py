"""Bars, hourly numbers, the latest and the consolidated: each column once more from raw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from core_again import DAY, HOUR, absent_hours, judged_candles
from made_by_hand import LEAP
from marts_support import MartsLab
from recomputed import same

pytestmark = pytest.mark.xdist_group("marts")

REASONS = {
    "no_trade": "no_trade_count",
    "not_listed": "not_listed_count",
    "venue_outage": "outage_count",
    "missing": "missing_count",
}
ADDED = ["volume", "quote_volume", "num_trades", "taker_buy_volume", "taker_buy_quote_volume"]


def bars(lab: MartsLab, hours: int) -> pd.DataFrame:
    """Bars of so many hours from the raw hours and the absences between them."""
    key = ["venue", "symbol", "bar"]
    candles = judged_candles(lab)
    candles["bar"] = candles["timestamp"].dt.floor(f"{hours}h")
    grouped = candles.sort_values("timestamp").groupby(key)
    found = (
        grouped[ADDED]
        .sum(min_count=1)
        .assign(
            open=grouped["open"].first(),
            high=grouped["high"].max(),
            low=grouped["low"].min(),
            close=grouped["close"].last(),
            candle_count=grouped.size(),
            quality_score=grouped["quality_score"].min(),
            first_candle_at=grouped["timestamp"].min(),
            last_candle_at=grouped["timestamp"].max(),
        )
    )
    found["vwap"] = found["quote_volume"] / found["volume"].where(found["volume"] != 0)
    absent = absent_hours(lab)
    absent["bar"] = absent["timestamp"].dt.floor(f"{hours}h")
    counts = absent.groupby([*key, "reason"]).size().unstack(fill_value=0)
    for reason, column in REASONS.items():
        of_reason = counts[reason] if reason in counts else pd.Series(dtype=int)
        found[column] = of_reason.reindex(found.index, fill_value=0)
    excused = found["candle_count"] + found["no_trade_count"] + found["not_listed_count"]
    found["is_complete"] = excused == hours
    return found.reset_index()


def test_every_day_of_the_winter(winter: MartsLab):
    expected = bars(winter, 24).rename(columns={"bar": "date"})
    found = winter.mart("daily_ohlcv").assign(date=lambda rows: pd.to_datetime(rows["date"]))
    same(found, expected, ["venue", "symbol", "date"])


def test_every_bar_of_four_hours(winter: MartsLab):
    expected = bars(winter, 4).rename(columns={"bar": "timestamp"})
    found = winter.mart("ohlcv_4h")
    same(
        found,
        expected.drop(columns=["first_candle_at", "last_candle_at"]),
        ["venue", "symbol", "timestamp"],
    )
    assert set(found["timestamp"].dt.hour) == {0, 4, 8, 12, 16, 20}


def test_every_hour_and_the_24_before_it(winter: MartsLab):
    parts = []
    for _, rows in winter.candles().groupby(["venue", "symbol"]):
        by_time = rows.set_index("timestamp")
        before = by_time["close"].reindex(by_time.index - HOUR).to_numpy()
        window = by_time["volume"].reindex(
            pd.date_range(by_time.index[0], by_time.index[-1], freq="h")
        )
        held = np.lib.stride_tricks.sliding_window_view(
            np.concatenate([np.full(23, np.nan), window.to_numpy()]), 24
        )
        average = pd.Series(np.nanmean(held, axis=1), window.index).reindex(by_time.index)
        volume = by_time["volume"].where(by_time["volume"] != 0)
        trades = by_time["num_trades"].where(by_time["num_trades"] != 0)
        parts.append(
            by_time[["symbol", "venue", "close", "volume", "quote_volume", "num_trades"]].assign(
                return_1h=by_time["close"] / before - 1,
                high_low_range=(by_time["high"] - by_time["low"]) / by_time["open"],
                vwap=by_time["quote_volume"] / volume,
                average_trade_size=by_time["quote_volume"] / trades,
                taker_buy_ratio=by_time["taker_buy_volume"] / volume,
                average_volume_24h=average,
                volume_ratio_24h=by_time["volume"] / average.where(average != 0),
            )
        )
    expected = pd.concat(parts).reset_index(names="timestamp")
    same(winter.mart("hourly_stats"), expected, ["venue", "symbol", "timestamp"])


def test_the_latest_of_each_symbol(winter: MartsLab):
    candles, funding = winter.candles(), winter.funding()
    rows = []
    for (venue, symbol), series in candles.groupby(["venue", "symbol"]):
        last = series["timestamp"].max()
        day = series[series["timestamp"] > last - DAY]
        before = series[series["timestamp"] == last - DAY]["close"]
        price = series[series["timestamp"] == last]["close"].iloc[0]
        settled = funding[(funding["venue"] == venue) & (funding["symbol"] == symbol)]
        row = {
            "venue": venue,
            "symbol": symbol,
            "timestamp": last,
            "latest_price": price,
            "change_24h": price / before.iloc[0] - 1 if len(before) else np.nan,
            "high_24h": day["high"].max(),
            "low_24h": day["low"].min(),
            "volume_24h": day["volume"].sum(),
            "quote_volume_24h": day["quote_volume"].sum(),
            "average_volume_24h": day["volume"].mean(),
            "candle_count_24h": len(day),
            "funding_rate": np.nan,
            "annualised_funding_rate": np.nan,
            "funding_at": pd.NaT,
        }
        if len(settled):
            newest = settled.sort_values("timestamp").iloc[-1]
            rate = newest["funding_rate"]
            row |= {
                "funding_rate": rate,
                "annualised_funding_rate": rate * 8760 / newest["interval_hours"],
                "funding_at": newest["timestamp"],
            }
        rows.append(row)
    same(winter.mart("latest_stats"), pd.DataFrame(rows), ["venue", "symbol"])


def test_every_hour_over_all_venues(winter: MartsLab):
    candles = judged_candles(winter)
    hours = candles.groupby(["symbol", "timestamp"])
    total = hours["volume"].transform("sum")
    weight = candles["volume"].where(total > 0, 1.0)
    weighed = candles.assign(
        weight=weight,
        weighed_open=candles["open"] * weight,
        weighed_close=candles["close"] * weight,
    )
    hours = weighed.groupby(["symbol", "timestamp"])
    added = hours[["weight", "weighed_open", "weighed_close", "volume", "quote_volume"]].sum()
    lowest, highest = hours["close"].min(), hours["close"].max()
    ordered = candles.sort_values(["close", "venue"])
    dearest = candles.sort_values(["close", "venue"], ascending=[False, True])
    expected = pd.DataFrame(
        {
            "interval": "1h",
            "open": added["weighed_open"] / added["weight"],
            "high": hours["high"].max(),
            "low": hours["low"].min(),
            "close": added["weighed_close"] / added["weight"],
            "volume": added["volume"],
            "quote_volume": added["quote_volume"],
            "vwap": added["quote_volume"] / added["volume"].where(added["volume"] != 0),
            "venue_count": hours.size(),
            "venue_spread": ((highest - lowest) / lowest).where(hours.size() > 1),
            "cheapest_venue": ordered.groupby(["symbol", "timestamp"])["venue"].first(),
            "dearest_venue": dearest.groupby(["symbol", "timestamp"])["venue"].first(),
            "quality_score": hours["quality_score"].min(),
        }
    ).reset_index()
    same(winter.mart("consolidated_ohlcv"), expected, ["symbol", "timestamp"])


def test_a_day_with_missing_hours_is_marked(winter: MartsLab):
    days = winter.mart("daily_ohlcv")
    short = days[days["candle_count"] < 24]
    explained = short["candle_count"] + short["no_trade_count"] + short["not_listed_count"]
    assert (short["is_complete"] == (explained == 24)).all()
    assert (short["missing_count"] > 0).any()
    assert not short.loc[short["missing_count"] > 0, "is_complete"].any()
    [outage] = days[
        (days["venue"] == "binance")
        & (days["symbol"] == "BTCUSDT")
        & (pd.to_datetime(days["date"]) == pd.Timestamp("2025-11-05"))
    ].to_dict("records")
    assert (outage["outage_count"], outage["is_complete"]) == (5, False)


def test_a_symbol_listed_in_mid_day_has_a_first_day_that_is_complete(winter: MartsLab):
    days = winter.mart("daily_ohlcv", "symbol = 'NEWUSDT' and venue = 'binance'").sort_values(
        "date"
    )
    first = days.iloc[0]
    assert 0 < first["candle_count"] < 24
    assert first["not_listed_count"] > 0
    assert first["first_candle_at"].hour == first["not_listed_count"]


def test_leap_day_month_end_and_the_hours_0_and_23(by_hand: MartsLab):
    leap_year = f"symbol = '{LEAP}'"
    days = by_hand.mart("daily_ohlcv", leap_year).sort_values("date")
    assert [str(day)[:10] for day in days["date"]] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert list(days["candle_count"]) == [2, 24, 2]
    assert list(days["is_complete"]) == [False, True, False]
    assert list(days["open"]) == [1.0, 3.0, 27.0]
    assert list(days["close"]) == [3.0, 27.0, 29.0]
    leap = days.iloc[1]
    assert str(leap["first_candle_at"]) == "2024-02-29 00:00:00"
    assert str(leap["last_candle_at"]) == "2024-02-29 23:00:00"
    four = by_hand.mart("ohlcv_4h", leap_year).sort_values("timestamp")
    assert list(four["timestamp"].dt.hour) == [20, 0, 4, 8, 12, 16, 20, 0]
    assert list(four["candle_count"]) == [2, 4, 4, 4, 4, 4, 4, 2]
    midnight = by_hand.mart(
        "hourly_stats", f"{leap_year} and timestamp = timestamp '2024-03-01 00:00:00'"
    ).iloc[0]
    assert midnight["return_1h"] == 28.0 / 27.0 - 1
