"""The values of market alerts, recomputed from the raw rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from marts_support import MartsLab

from market_assets.settings import load_secrets, load_settings
from market_assets.settings.alerts import MarketAlert
from market_assets.watch.looking import Watch
from market_assets.watch.market import MarketLook

pytestmark = pytest.mark.xdist_group("marts")
# The last hour of `fill_a_winter` opens at 23:00.
END = datetime(2026, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alert(rule: str, **more: Any) -> MarketAlert:
    return MarketAlert.model_validate({"name": rule, "rule": rule, "above": 1} | more)


def look(lab: MartsLab, *alerts: MarketAlert, now: datetime = END) -> dict[str, Any]:
    values = MarketLook(alerts).values(lab.store, 1, now)
    return {f"{value.alert} {value.member}": value for value in values}


def hour_of(lab: MartsLab, venue: str, symbol: str, hours_before: int = 0) -> pd.Series:
    raw = lab.raw(f"{venue}_ohlcv")
    own = raw[(raw["symbol"] == symbol) & (raw["interval"] == "1h")].sort_values("timestamp")
    return own.iloc[-1 - hours_before]


def test_a_price_is_the_last_close_known_when_its_hour_ended(winter: MartsLab) -> None:
    found = look(winter, alert("price_threshold", symbol="BTCUSDT"))

    assert {key.removeprefix("price_threshold ") for key in found} == {
        "binance BTCUSDT",
        "okx BTCUSDT",
        "aster BTCUSDT",
    }
    for venue in ("binance", "okx", "aster"):
        value = found[f"price_threshold {venue} BTCUSDT"]
        raw = hour_of(winter, venue, "BTCUSDT")
        assert value.value == raw["close"]
        assert value.at == pd.Timestamp(raw["timestamp"], tz="UTC") + HOUR
        assert value.every == HOUR


def test_a_move_and_a_volume_have_the_units_of_their_limits(winter: MartsLab) -> None:
    found = look(
        winter,
        alert("price_move", venue="okx", symbol="ETHUSDT"),
        alert("volume_spike", venue="okx", symbol="ETHUSDT"),
    )

    now, before = hour_of(winter, "okx", "ETHUSDT"), hour_of(winter, "okx", "ETHUSDT", 1)
    assert now["timestamp"] - before["timestamp"] == HOUR
    move = found["price_move okx ETHUSDT"].value
    assert move == pytest.approx(100 * (now["close"] / before["close"] - 1))
    raw = winter.raw("okx_ohlcv")
    day = raw[
        (raw["symbol"] == "ETHUSDT")
        & (raw["interval"] == "1h")
        & (raw["timestamp"] > now["timestamp"] - timedelta(days=1))
    ]
    volume = found["volume_spike okx ETHUSDT"].value
    assert volume == pytest.approx(now["volume"] / day["volume"].mean())
    assert len(found) == 2


def test_funding_is_annualised_by_the_interval_that_it_was_settled_after(winter: MartsLab) -> None:
    found = look(winter, alert("funding_extreme", venue="binance"))

    raw = winter.raw("binance_funding_rates")
    for symbol, hours in (("BTCUSDT", 8), ("1000PEPEUSDT", 4)):
        last = raw[raw["symbol"] == symbol].sort_values("timestamp").iloc[-1]
        value = found[f"funding_extreme binance {symbol}"]
        assert value.value == pytest.approx(100 * last["funding_rate"] * 8760 / hours)
        assert value.at == pd.Timestamp(last["timestamp"], tz="UTC")
        assert value.every == timedelta(hours=hours)


def test_a_spread_is_that_of_all_venues_or_the_farthest_from_one(winter: MartsLab) -> None:
    found = look(
        winter,
        alert("cross_venue_spread"),
        alert("cross_venue_spread", name="own", venue="okx", symbol="BTCUSDT"),
    )

    closes = {v: hour_of(winter, v, "BTCUSDT")["close"] for v in ("binance", "okx", "aster")}
    low, high, own = min(closes.values()), max(closes.values()), closes["okx"]
    assert found["cross_venue_spread BTCUSDT"].value == pytest.approx(100 * (high / low - 1))
    assert found["own okx BTCUSDT"].value == pytest.approx(100 * max(high - own, own - low) / own)
    # Only binance has these: there is nothing to compare.
    assert not any("PEPE" in key or "FAST" in key for key in found)


def test_a_venue_that_is_an_hour_late_is_still_compared(winter: MartsLab, tmp_path: Path) -> None:
    lab = winter.copy(tmp_path)
    try:
        last = hour_of(lab, "aster", "BTCUSDT")["timestamp"]
        where = f"symbol = 'BTCUSDT' AND timestamp = TIMESTAMP '{last}' AND venue"
        lab.write(f"UPDATE lake.marts.hourly_stats SET close = close * 2 WHERE {where} = 'okx'")
        lab.write(f"DELETE FROM lake.marts.hourly_stats WHERE {where} = 'aster'")

        late = look(lab, alert("cross_venue_spread"))["cross_venue_spread BTCUSDT"]
        assert late.at == pd.Timestamp(last, tz="UTC")
        assert late.value < 50

        before = f"symbol = 'BTCUSDT' AND timestamp = TIMESTAMP '{last - HOUR}'"
        lab.write(f"DELETE FROM lake.marts.hourly_stats WHERE {before} AND venue = 'aster'")
        without = look(lab, alert("cross_venue_spread"))["cross_venue_spread BTCUSDT"]
        assert without.at == pd.Timestamp(last, tz="UTC") + HOUR
        assert without.value > 50
    finally:
        lab.close()


def test_the_hour_after_a_gap_has_no_move(winter: MartsLab, tmp_path: Path) -> None:
    lab = winter.copy(tmp_path)
    try:
        last = hour_of(lab, "okx", "BTCUSDT")["timestamp"]
        lab.write(f"UPDATE lake.marts.hourly_stats SET return_1h = NULL WHERE timestamp = '{last}'")

        found = look(lab, alert("price_move", venue="okx", symbol="BTCUSDT"))
        assert found["price_move okx BTCUSDT"].value is None
    finally:
        lab.close()


def test_what_is_days_old_is_no_value_any_more(winter: MartsLab) -> None:
    asked = alert("price_threshold", symbol="BTCUSDT")

    assert look(winter, asked, now=END + timedelta(hours=46))
    assert not look(winter, asked, now=END + timedelta(days=2))
    # Delisted months ago
    assert not look(winter, alert("price_threshold", symbol="OLDUSDT"))


def test_nothing_is_read_again_until_somebody_wrote(winter: MartsLab, tmp_path: Path) -> None:
    lab = winter.copy(tmp_path)
    try:
        eyes = MarketLook([alert("price_threshold", venue="okx", symbol="BTCUSDT")])
        (first,) = eyes.values(lab.store, 1, END)
        lab.write("UPDATE lake.marts.hourly_stats SET close = 7 WHERE symbol = 'BTCUSDT'")

        assert eyes.values(lab.store, 1, END) == (first,)
        (again,) = eyes.values(lab.store, 2, END)
        assert again.value == 7
    finally:
        lab.close()


def test_before_the_first_build_there_are_no_values(small: MartsLab) -> None:
    rules = ("price_move", "volume_spike", "funding_extreme", "cross_venue_spread")

    assert not look(small, *map(alert, rules))


def test_without_market_alerts_the_warehouse_is_not_asked(small: MartsLab) -> None:
    small.store.close()

    assert MarketLook([]).values(small.store, 1, END) == ()


def test_a_market_alert_fires_resolves_and_is_told_like_any_other(
    winter: MartsLab, tmp_path: Path
) -> None:
    lab = winter.copy(tmp_path)
    price = float(hour_of(lab, "okx", "BTCUSDT")["close"])
    entry = {"name": "high", "rule": "price_threshold", "symbol": "BTCUSDT", "venue": "okx"}
    document = yaml.safe_load(lab.file.read_text())
    document["alerts"] = {"market": [entry | {"above": price * 0.9, "severity": "warning"}]}
    lab.file.write_text(yaml.safe_dump(document))
    watch = Watch(load_settings(lab.file, {}), load_secrets({}))
    try:

        def alerts() -> list[Any]:
            return [alert for alert in watch.alerts() if alert.rule == "price_threshold"]

        watch.look(END + timedelta(minutes=5))
        (fired,) = alerts()
        assert (fired.scope, fired.severity, fired.state) == ("high", "warning", "firing")
        assert f"the price is {price:,.6g}" in fired.title

        near = price * 0.9 * 0.997
        where = "venue = 'okx' AND symbol = 'BTCUSDT'"
        lab.write(f"UPDATE lake.marts.hourly_stats SET close = {near} WHERE {where}")
        watch.look(END + timedelta(minutes=6))
        assert alerts()[0].state == "firing", "within the margin"

        lab.write(f"UPDATE lake.marts.hourly_stats SET close = close * 0.99 WHERE {where}")
        watch.look(END + timedelta(minutes=7))
        (resolved,) = alerts()
        assert (resolved.alert_id, resolved.state) == (fired.alert_id, "resolved")
    finally:
        watch.close()
        lab.close()
    log = (tmp_path / "state" / "logs" / "alerts.log").read_text(encoding="utf-8")
    assert log.count("Price threshold, high okx BTCUSDT") == 2
