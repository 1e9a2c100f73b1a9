"""What is wrong with the market itself: absent and lost hours, outages, corrections, divergence."""

from __future__ import annotations

from typing import Any

import pytest

HOUR = 3_600_000
MARCH = 1_772_323_200_000
WEEK = {"start": MARCH - 168 * HOUR, "end": MARCH}
STEPS = {
    "15m": HOUR // 4,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "12h": 12 * HOUR,
    "1d": 24 * HOUR,
}
ALL_VENUES = pytest.mark.parametrize("venue", ["binance", "okx", "aster"])


@ALL_VENUES
@pytest.mark.parametrize("interval", sorted(STEPS))
def test_what_is_served_and_what_is_absent_make_the_whole_grid(
    gappy: Any, venue: str, interval: str
) -> None:
    step = STEPS[interval]
    start = MARCH - (48 if interval == "15m" else 168) * HOUR
    rows = gappy.hours(venue, "ETHUSDT", start, MARCH, interval)
    served = [row[0] for row in rows]
    window = {"symbol": "ETHUSDT", "interval": interval, "start": start, "end": MARCH}
    truth = gappy.simulator.truth(f"{venue}/ohlcv", **window)
    absent = gappy.simulator.truth(f"{venue}/absent", **window)
    assert served == [item["timestamp"] for item in truth]
    together = sorted(served + [item["timestamp"] for item in absent])
    assert together == list(range(start, MARCH, step))
    if interval == "1h":
        assert {"no_trade", "lost"} <= {item["reason"] for item in absent}


@ALL_VENUES
def test_parents_hold_lost_hours_but_not_tradeless_ones(gappy: Any, venue: str) -> None:
    truth = {
        interval: gappy.simulator.truth(
            f"{venue}/ohlcv", symbol="ETHUSDT", interval=interval, **WEEK
        )
        for interval in ("1h", "4h")
    }
    reasons = {
        item["timestamp"]: item["reason"]
        for item in gappy.simulator.truth(
            f"{venue}/absent", symbol="ETHUSDT", interval="1h", **WEEK
        )
    }
    lost_parents = 0
    for parent in truth["4h"]:
        hours = range(parent["timestamp"], parent["timestamp"] + 4 * HOUR, HOUR)
        volume = sum(item["volume"] for item in truth["1h"] if item["timestamp"] in hours)
        if any(reasons.get(hour) == "lost" for hour in hours):
            lost_parents += 1
            assert parent["volume"] > volume
        else:
            assert parent["volume"] == pytest.approx(volume)
    assert lost_parents > 3


@ALL_VENUES
def test_some_tradeless_hours_are_flat_rows_at_the_last_close(gappy: Any, venue: str) -> None:
    rows = gappy.simulator.truth(f"{venue}/ohlcv", symbol="ETHUSDT", interval="1h", **WEEK)
    flat = [place for place, row in enumerate(rows) if row["volume"] == 0.0]
    assert flat
    for place in flat:
        row = rows[place]
        assert row["open"] == row["high"] == row["low"] == row["close"]
        before = rows[place - 1] if place else None
        if before and before["timestamp"] == row["timestamp"] - HOUR:
            assert row["close"] == before["close"]


def test_in_an_outage_nobody_trades_and_only_whole_candles_are_absent(gappy: Any) -> None:
    begin = 1_771_984_800_000 + HOUR  # 2026-02-25T03:00Z
    for symbol in ("BTCUSDT", "LINKUSDT"):
        absent = gappy.simulator.truth(
            "okx/absent", symbol=symbol, interval="1m", start=begin, end=begin + 8 * HOUR
        )
        out = [item["timestamp"] for item in absent if item["reason"] == "venue_outage"]
        assert out == list(range(begin + HOUR // 2, begin + 6 * HOUR + HOUR // 4, 60_000))
        hours = gappy.simulator.truth(
            "okx/absent", symbol=symbol, interval="1h", start=begin, end=begin + 8 * HOUR
        )
        out = [item["timestamp"] for item in hours if item["reason"] == "venue_outage"]
        assert set(out) == set(range(begin + HOUR, begin + 6 * HOUR, HOUR))


def test_a_venue_that_is_down_answers_503_until_the_outage_is_over(start: Any) -> None:
    outage = {
        "venue": "aster", "start": "2026-03-01T12:00Z", "end": "2026-03-01T13:00Z", "down": True,
    }  # fmt: skip
    asker = start(faults={"outages": [outage]})
    assert asker.get("/aster/fapi/v3/time").status_code == 503
    assert asker.get("/binance/fapi/v1/time").status_code == 200
    asker.simulator.control(clock={"now": "2026-03-01T13:00Z"})
    assert asker.get("/aster/fapi/v3/time").status_code == 200
    rows = asker.hours("aster", "BTCUSDT", MARCH + 11 * HOUR, MARCH + 14 * HOUR)
    assert [(row[0] - MARCH) // HOUR for row in rows] == [11, 13]


@ALL_VENUES
def test_a_correction_changes_the_past_from_its_moment_on(start: Any, venue: str) -> None:
    correction = {
        "venue": venue, "symbol": "BTCUSDT", "hour": MARCH + 2 * HOUR,
        "at": MARCH + 10 * HOUR, "factor": 1.05,
    }  # fmt: skip
    asker = start(
        clock={"mode": "frozen", "now": MARCH + 10 * HOUR - 1},
        faults={"corrections": [correction]},
    )
    before = asker.hours(venue, "BTCUSDT", MARCH, MARCH + 8 * HOUR)
    asker.simulator.control(clock={"advance_ms": 1})
    after = asker.hours(venue, "BTCUSDT", MARCH, MARCH + 8 * HOUR)
    changed = [place for place in range(8) if before[place] != after[place]]
    assert changed == [2]
    assert float(after[2][4]) == pytest.approx(float(before[2][4]) * 1.05, rel=1e-5)
    assert float(after[2][2]) >= float(after[2][4])
    parent = asker.hours(venue, "BTCUSDT", MARCH, MARCH + 8 * HOUR, "4h")[0]
    assert float(parent[2]) == float(after[2][2])
    truth = asker.simulator.truth(
        f"{venue}/ohlcv", symbol="BTCUSDT", start=MARCH, end=MARCH + 8 * HOUR
    )
    assert [float(row[4]) for row in after] == [item["close"] for item in truth]


def test_a_correction_can_be_given_while_running(start: Any) -> None:
    asker = start()
    before = asker.hours("binance", "BTCUSDT", MARCH, MARCH + HOUR)
    asker.simulator.control(corrections=[
        {"venue": "binance", "symbol": "BTCUSDT", "hour": MARCH, "at": 0, "factor": 0.9}
    ])  # fmt: skip
    after = asker.hours("binance", "BTCUSDT", MARCH, MARCH + HOUR)
    assert float(after[0][4]) == pytest.approx(float(before[0][4]) * 0.9, rel=1e-5)
    assert float(after[0][3]) == float(after[0][4])


def test_a_diverging_venue_leaves_the_others_and_comes_back(start: Any) -> None:
    divergence = {
        "venue": "aster", "symbol": "ETHUSDT", "factor": 1.2,
        "start": MARCH + 2 * HOUR, "end": MARCH + 4 * HOUR,
    }  # fmt: skip
    asker = start(faults={"divergence": [divergence]})
    span = ("ETHUSDT", MARCH, MARCH + 6 * HOUR)
    ratios = [
        float(mine[4]) / float(other[4])
        for mine, other in zip(
            asker.hours("aster", *span), asker.hours("binance", *span), strict=True
        )
    ]
    expected = [1.0, 1.0, 1.2, 1.2, 1.0, 1.0]
    assert ratios == [pytest.approx(ratio, rel=0.002) for ratio in expected]
