"""Listings, ends, funding rhythms and clocks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

HOUR = 3_600_000
DAY = 24 * HOUR
LISTED = 1_770_730_620_000  # 2026-02-10T13:37Z
DELISTED = 1_772_697_600_000  # 2026-03-05T08:00Z
ALL_VENUES = pytest.mark.parametrize("venue", ["binance", "okx", "aster"])


def listed_symbols(asker: Any, venue: str) -> dict[str, Any]:
    if venue == "okx":
        rows = asker.json("/okx/api/v5/public/instruments", instType="SWAP")["data"]
        return {row["instId"].replace("-SWAP", "").replace("-", ""): row for row in rows}
    rows = asker.json(f"/{venue}/fapi/v1/exchangeInfo")["symbols"]
    return {row["symbol"]: row for row in rows}


@ALL_VENUES
def test_a_listing_within_an_hour_begins_at_the_hour_with_fewer_minutes(
    calm: Any, venue: str
) -> None:
    floor = LISTED // HOUR * HOUR
    rows = calm.hours(venue, "NEWUSDT", floor - 5 * HOUR, floor + 2 * HOUR)
    assert [row[0] for row in rows] == [floor, floor + HOUR]
    minutes = calm.hours(venue, "NEWUSDT", floor, floor + HOUR, "1m")
    assert minutes[0][0] == LISTED
    assert len(minutes) == 23
    assert float(rows[0][5]) == pytest.approx(sum(float(row[5]) for row in minutes))
    assert rows[0][1] == minutes[0][1]
    absent = calm.simulator.truth(
        f"{venue}/absent", symbol="NEWUSDT", start=floor - 2 * HOUR, end=floor + HOUR
    )
    assert [(item["timestamp"], item["reason"]) for item in absent] == [
        (floor - 2 * HOUR, "not_listed"),
        (floor - HOUR, "not_listed"),
    ]


@ALL_VENUES
def test_before_its_listing_a_symbol_is_unknown(start: Any, venue: str) -> None:
    asker = start(clock={"mode": "frozen", "now": LISTED - 1})
    assert "NEWUSDT" not in listed_symbols(asker, venue)
    if venue == "okx":
        answer = asker.json("/okx/api/v5/market/candles", instId="NEW-USDT-SWAP")
        assert answer["code"] == "51001"
    else:
        answer = asker.json(f"/{venue}/fapi/v1/klines", symbol="NEWUSDT", interval="1h")
        assert answer["code"] == -1121
    asker.simulator.control(clock={"advance_ms": 1})
    assert "NEWUSDT" in listed_symbols(asker, venue)


@ALL_VENUES
def test_a_delisting_is_announced_then_happens_then_leaves_the_list(start: Any, venue: str) -> None:
    asker = start()
    key = "expTime" if venue == "okx" else "deliveryDate"

    def at(moment: int) -> Any:
        asker.simulator.control(clock={"now": moment})
        return listed_symbols(asker, venue).get("OLDUSDT")

    assert at(DELISTED - 8 * DAY)[key] in ("", 4_133_404_800_000)
    assert int(at(DELISTED - DAY)[key]) == DELISTED
    if venue == "okx":
        assert at(DELISTED) is None
    else:
        assert at(DELISTED)["status"] == "SETTLING"
    assert at(DELISTED + 7 * DAY) is None
    rows = asker.hours(venue, "OLDUSDT", DELISTED - 3 * HOUR, DELISTED + 3 * HOUR)
    assert [row[0] - DELISTED for row in rows] == [-3 * HOUR, -2 * HOUR, -HOUR]
    absent = asker.simulator.truth(
        f"{venue}/absent", symbol="OLDUSDT", start=DELISTED - HOUR, end=DELISTED + 2 * HOUR
    )
    assert [item["reason"] for item in absent] == ["not_listed"] * 2


@ALL_VENUES
def test_a_zombie_goes_on_flat_without_being_true(start: Any, venue: str) -> None:
    asker = start(
        clock={"mode": "frozen", "now": DELISTED + 5 * HOUR}, faults={"zombie_candles": True}
    )
    rows = asker.hours(venue, "OLDUSDT", DELISTED - HOUR, DELISTED + 3 * HOUR)
    assert len(rows) == 4
    for row in rows[1:]:
        assert {row[1], row[2], row[3], row[4]} == {rows[0][4]}
        assert float(row[5]) == 0.0
    truth = asker.simulator.truth(
        f"{venue}/ohlcv", symbol="OLDUSDT", start=DELISTED - HOUR, end=DELISTED + 3 * HOUR
    )
    assert [item["timestamp"] for item in truth] == [DELISTED - HOUR]


def test_the_funding_rhythm_goes_from_8_to_4_to_1_hours(start: Any) -> None:
    asker = start(clock={"mode": "frozen", "now": "2026-04-10"})
    rows = asker.simulator.truth(
        "aster/funding", symbol="FASTUSDT", start=1_769_817_600_000, end=1_775_100_000_000
    )
    times = [row["timestamp"] for row in rows]
    steps = [(after - before) // HOUR for before, after in pairwise(times)]
    assert steps == [row["interval_hours"] for row in rows[1:]]
    assert [step for place, step in enumerate(steps) if place == 0 or step != steps[place - 1]] == [
        8, 4, 1,
    ]  # fmt: skip
    assert 1_769_904_000_000 in times  # 2026-02-01: the last of the old rhythm
    assert 1_769_904_000_000 + 4 * HOUR in times


def test_funding_info_shows_the_interval_of_the_moment(start: Any) -> None:
    asker = start()
    for day, hours in (("2026-01-31", 8), ("2026-02-02", 4), ("2026-04-02", 1)):
        asker.simulator.control(clock={"now": day})
        info = {row["symbol"]: row for row in asker.json("/binance/fapi/v1/fundingInfo")}
        assert info["FASTUSDT"]["fundingIntervalHours"] == hours
        row = asker.json("/okx/api/v5/public/funding-rate", instId="FAST-USDT-SWAP")["data"][0]
        assert int(row["nextFundingTime"]) - int(row["fundingTime"]) == hours * HOUR


def test_each_venue_has_its_own_skew(start: Any) -> None:
    asker = start(
        clock={"mode": "frozen", "now": "2026-03-01", "skew_ms": {"okx": -2500, "aster": 700}}
    )
    now = 1_772_323_200_000
    assert asker.json("/binance/fapi/v1/time")["serverTime"] == now
    assert asker.json("/aster/fapi/v3/time")["serverTime"] == now + 700
    assert asker.json("/okx/api/v5/public/time")["data"][0]["ts"] == str(now - 2500)


def test_an_offset_clock_runs_from_where_it_was_put(start: Any) -> None:
    asker = start(clock={"mode": "offset", "now": "2026-03-01"})
    first = asker.json("/binance/fapi/v1/time")["serverTime"]
    assert 0 < first - 1_772_323_200_000 < 30_000
    second = asker.json("/binance/fapi/v1/time")["serverTime"]
    assert second >= first


def test_own_symbols_can_be_listed_and_others_left_out(start: Any) -> None:
    asker = start(
        symbols=["BTCUSDT", "ODDUSDT"],
        instruments=[
            {"symbol": "ODDUSDT", "price": 3.0, "listed_on": {"okx": "2026-02-01"}},
            {"symbol": "BTCUSDT", "venues": ["binance", "okx"]},
        ],
    )
    assert set(listed_symbols(asker, "binance")) == {"BTCUSDT", "ODDUSDT"}
    assert set(listed_symbols(asker, "aster")) == {"ODDUSDT"}
    first = asker.hours("okx", "ODDUSDT", 1_769_900_000_000, 1_769_912_000_000)[0]
    assert first[0] == 1_769_904_000_000
