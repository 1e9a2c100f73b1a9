"""Which bulk files hold a span."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from lab_support import ms, window

from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, merge
from market_assets.venues._archive_files import (
    ArchivedSeries,
    first_monday,
    month_of,
)

CANDLES = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT", "1h")
FUNDING = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT")
NOW = ms("2026-03-10T12:34:56")


def names(series: ArchivedSeries, *windows: Window, now: int = NOW) -> list[str]:
    return [file.name for file in series.files(windows, now)]


def test_a_whole_month_is_one_file_and_a_part_of_one_is_its_days():
    assert names(CANDLES, window("2026-01-01", "2026-02-03T05:00")) == [
        "BTCUSDT-1h-2026-01.zip",
        "BTCUSDT-1h-2026-02-01.zip",
        "BTCUSDT-1h-2026-02-02.zip",
        "BTCUSDT-1h-2026-02-03.zip",
    ]


def test_a_month_comes_in_days_until_the_first_monday_after_it():
    february = window("2026-02-01", "2026-03-01")
    sunday = names(CANDLES, february, now=ms("2026-03-01T23:59:59"))
    assert (len(sunday), sunday[0]) == (28, "BTCUSDT-1h-2026-02-01.zip")
    assert names(CANDLES, february, now=ms("2026-03-02")) == ["BTCUSDT-1h-2026-02.zip"]


def test_a_day_that_is_not_over_has_no_file():
    assert names(CANDLES, window("2026-03-09", "2026-03-11")) == ["BTCUSDT-1h-2026-03-09.zip"]


def test_settlements_come_in_published_months_only():
    assert names(FUNDING, window("2026-01-20", "2026-03-05")) == [
        "BTCUSDT-fundingRate-2026-01.zip",
        "BTCUSDT-fundingRate-2026-02.zip",
    ]


def test_addresses_are_those_of_the_published_layout():
    (january,) = CANDLES.files([window("2026-01-01", "2026-02-01")], NOW)
    (day,) = CANDLES.files([window("2026-01-01T03:00", "2026-01-01T04:00")], NOW)
    (settled,) = FUNDING.files([window("2026-01-01", "2026-01-02")], NOW)
    assert january.path == ("/data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01.zip")
    assert day.path == "/data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-01.zip"
    assert day.checksum_path == f"{day.path}.CHECKSUM"
    assert settled.path == (
        "/data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-01.zip"
    )


hours = st.integers(ms("2023-12-01") // HOUR_MS, ms("2026-04-01") // HOUR_MS)
spans = st.tuples(hours, st.integers(1, 3000)).map(
    lambda at: Window(at[0] * HOUR_MS, (at[0] + at[1]) * HOUR_MS)
)


@given(windows=st.lists(spans, min_size=1, max_size=4), now=hours.map(lambda hour: hour * HOUR_MS))
@settings(max_examples=150, deadline=None)
def test_the_files_of_any_windows_hold_each_wanted_day_that_is_over_once(
    windows: list[Window], now: int
):
    files = CANDLES.files(windows, now)
    days = {
        day
        for window in windows
        for day in range(window.start // DAY_MS * DAY_MS, window.end, DAY_MS)
        if day + DAY_MS <= now
    }
    held = [day for file in files for day in range(file.window.start, file.window.end, DAY_MS)]
    assert sorted(held) == sorted(days), "exactly these days, none of them twice"
    for file in files:
        month = month_of(file.window.start)
        whole = set(range(month.start, month.end, DAY_MS)) <= days
        assert (file.every == "monthly") == (whole and first_monday(month.end) <= now)
    assert files == sorted(files, key=lambda file: file.window)


@given(windows=st.lists(spans, min_size=1, max_size=4), now=hours.map(lambda hour: hour * HOUR_MS))
@settings(max_examples=50, deadline=None)
def test_the_files_of_funding_hold_every_published_month_that_is_touched_once(
    windows: list[Window], now: int
):
    files = FUNDING.files(windows, now)
    months = {
        month_of(moment)
        for window in merge(windows)
        for moment in range(window.start, window.end, HOUR_MS)
        if first_monday(month_of(moment).end) <= now
    }
    assert [file.window for file in files] == sorted(months)


def test_a_months_days_hold_what_it_holds():
    (january,) = CANDLES.files([window("2026-01-01", "2026-02-01")], NOW)
    assert merge(file.window for file in CANDLES.days_of(january)) == [january.window]
    (settled,) = FUNDING.files([window("2026-01-01", "2026-02-01")], NOW)
    assert FUNDING.days_of(settled) == []
