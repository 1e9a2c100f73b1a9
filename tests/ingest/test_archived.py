"""What the rows of an archive's file settle, as laws over any file."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lab_support import ms, window

from market_assets.ingest.archived import (
    KnownFunding,
    candles_of,
    funding_of,
    without_settlement,
)
from market_assets.ingest.rows import Origin
from market_assets.schemas.timeline import HOUR_MS, MINUTE_MS, Window, subtract
from market_assets.venues._archive_files import ArchivedSeries
from market_assets.venues._archive_rows import read_zip

SPAN = window("2026-01-27", "2026-02-01")
DAY = window("2026-01-05", "2026-01-06")
NOW = ms("2026-03-10")


@st.composite
def schedules(draw: Any) -> list[tuple[int, float]]:
    """Settlements of a span with the hours since the one before; venues change the rhythm."""
    rhythms = draw(
        st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.integers(1, 12)), max_size=4)
    )
    hours = [step for step, count in rhythms for _ in range(count)] + [8] * 20
    found: list[tuple[int, float]] = []
    at = SPAN.start - hours[0] * HOUR_MS
    for step in hours:
        at += step * HOUR_MS
        if at >= SPAN.end:
            break
        found.append((at, float(step)))
    return found


@given(schedule=schedules(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_time_in_which_a_settlement_is_lost_is_never_called_free_of_one(
    schedule: list[tuple[int, float]], data: Any
):
    kept = [event for event in schedule if data.draw(st.integers(0, 9)) > 0]
    free = without_settlement([t for t, _ in kept], [h for _, h in kept], SPAN)
    last = kept[-1][0] if kept else SPAN.end
    lost = [t for t, _ in schedule if t < last and t not in {t for t, _ in kept}]
    for moment in lost:
        minute = Window(moment, moment + MINUTE_MS)
        assert not any(minute.overlaps(window) for window in free)
    after = [window for window in free if window.end > last]
    assert not after or last + kept[-1][1] * HOUR_MS >= SPAN.end


@given(schedule=schedules())
@settings(max_examples=60, deadline=None)
def test_settlements_without_a_loss_leave_no_time_in_question(
    schedule: list[tuple[int, float]],
):
    free = without_settlement([t for t, _ in schedule], [h for _, h in schedule], SPAN)
    last, hours = schedule[-1]
    in_question = subtract([SPAN], [*free, Window(last, last + MINUTE_MS)])
    # After the last one nobody can know, unless the next one is due in the next file.
    goes_on = last + hours * HOUR_MS >= SPAN.end
    assert in_question == ([] if goes_on else [Window(last + MINUTE_MS, SPAN.end)])


def test_a_settlement_without_an_interval_speaks_for_its_own_minute_alone():
    eight = SPAN.start + 8 * HOUR_MS
    assert without_settlement([SPAN.start, eight], [None, None], SPAN) == []
    assert without_settlement([], [], SPAN) == []


rows = st.lists(
    st.tuples(
        st.integers(-2, 26),  # the hour of the day; some are of another
        st.sampled_from([0, 0, 0, 1234]),  # off the grid
        st.sampled_from(["10.0", "10.0", "10.0", "-1", "n/a", ""]),  # the close
    ),
    max_size=30,
)


@given(rows=rows, wanted=st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)), max_size=3))
@settings(max_examples=100, deadline=None)
def test_every_row_that_is_wanted_is_stored_or_held_and_only_what_is_stored_is_settled(
    rows: list[tuple[int, int, str]], wanted: list[tuple[int, int]]
):
    windows = [
        Window(DAY.start + first * HOUR_MS, min(DAY.end, DAY.start + (first + count) * HOUR_MS))
        for first, count in wanted
    ]
    (file,) = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT", "1h").files([DAY], NOW)
    read = read_zip(_zipped(rows), file)
    found = candles_of(read, "BTCUSDT", windows, Origin("binance", "1h", "run-1"), NOW)
    stored = [row["timestamp"] for row in found.tables[0].to_pylist()]
    times = [DAY.start + hour * HOUR_MS + off for hour, off, _ in rows]
    unreadable = sum(
        1
        for time, (_, _, close) in zip(times, rows, strict=True)
        if close in ("n/a", "") or time not in DAY
    )
    readable = [
        time
        for time, (_, _, close) in zip(times, rows, strict=True)
        if close not in ("n/a", "") and time in DAY
    ]
    asked = [time for time in readable if any(time in window for window in windows)]
    assert len(read.malformed) == unreadable
    assert len(stored) + len(found.quarantined) == len(asked) + unreadable
    assert sum(window.length for window in found.windows) == len(stored) * HOUR_MS
    assert subtract(found.windows, windows) == []


def _zipped(rows: list[tuple[int, int, str]]) -> bytes:
    lines = [
        f"{DAY.start + hour * HOUR_MS + off},10,11,9,{close},5,0,50,3,2,20,0"
        for hour, off, close in rows
    ]
    heading = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    return _packed([heading, *lines])


def _packed(lines: list[str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("rows.csv", "\n".join(lines))
    return packed.getvalue()


# -- intervals of funding, by hand

FEBRUARY = window("2026-02-01", "2026-03-01")
ORIGIN = Origin("binance", "", "run-1", "archive")


def intervals(
    told: list[tuple[str, str]], stored: dict[str, float | None]
) -> dict[str, float | None]:
    """What becomes of the hours that a file tells, beside settlements that are stored."""
    (file,) = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT").files([FEBRUARY], NOW)
    lines = [f"{ms('2026-02-' + moment)},{hours},0.0001" for moment, hours in told]
    packed = _packed(["calc_time,funding_interval_hours,last_funding_rate", *lines])
    known = KnownFunding(
        {
            ms(moment): {"interval_hours": hours, "mark_price": 1.5, "predicted_rate": None}
            for moment, hours in stored.items()
        },
        (),
    )
    found = funding_of(read_zip(packed, file), file, [FEBRUARY], known, ORIGIN, NOW)
    return {
        row["timestamp"].strftime("%d %H"): row["interval_hours"]
        for row in found.tables[0].to_pylist()
    }


def test_an_interval_is_the_time_that_passed_where_the_venue_set_it_longer_in_between():
    assert intervals([("01T00:00", "1"), ("01T03:00", "8"), ("01T11:00", "8")], {}) == {
        "01 00": 1.0,
        "01 03": 3.0,
        "01 11": 8.0,
    }


def test_an_interval_is_the_venues_own_where_a_settlement_in_between_is_not_known():
    assert intervals([("01T00:00", "8"), ("01T16:00", "8")], {}) == {"01 00": 8.0, "01 16": 8.0}


def test_the_first_settlement_of_a_file_is_measured_from_the_stored_one_before_it():
    assert intervals([("01T03:00", "8")], {"2026-02-01T00:00": 1.0}) == {"01 03": 3.0}


def test_without_the_venues_word_an_interval_is_the_stored_one_or_what_passed_or_unknown():
    told = [("01T00:00", ""), ("01T08:00", ""), ("02T08:00", "")]
    assert intervals(told, {"2026-02-01T00:00": 8.0}) == {
        "01 00": 8.0,
        "01 08": 8.0,
        "02 08": None,  # a day is no interval
    }


def test_a_row_that_breaks_a_rule_is_not_settled_by_those_around_it():
    """A second row at 04:00, between settlements that say eight hours, is for people to look at."""
    (file,) = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT").files([FEBRUARY], NOW)
    odd = ms("2026-02-01T04:00")
    lines = [f"{ms('2026-02-01')},8,0.0001", f"{odd},8,0.9", f"{ms('2026-02-01T08:00')},8,0.0001"]
    read = read_zip(_packed(lines), file)
    found = funding_of(read, file, [FEBRUARY], KnownFunding({}, ()), ORIGIN, NOW)
    minute = Window(odd, odd + MINUTE_MS)
    assert [row.reasons for row in found.quarantined] == [("funding_outside_cap",)]
    assert subtract([window("2026-02-01", "2026-02-02")], found.windows)[0] == minute
