"""Bulk files: which of them hold a span, what is in them, and what is believed of a download."""

from __future__ import annotations

import asyncio
import hashlib
import io
import socket
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_support import ms, relay, window

from market_assets.errors import (
    ArchiveCorrupt,
    GeoBlocked,
    MarketAssetsError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, merge, to_ms
from market_assets.simulator.process import RunningSimulator
from market_assets.venues._archive import ArchiveClient
from market_assets.venues._archive_files import (
    ArchivedSeries,
    ArchiveFile,
    first_monday,
    month_of,
)
from market_assets.venues._archive_rows import read_zip
from market_assets.venues._http import Patience
from market_assets.venues.contract import Rows

CANDLES = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT", "1h")
FUNDING = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT")
NOW = ms("2026-03-10T12:34:56")


def names(series: ArchivedSeries, *windows: Window, now: int = NOW) -> list[str]:
    return [file.name for file in series.files(windows, now)]


# -- which files


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


# -- what is in them

HEADING = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
# The first hours of 2026 as the archive would have them, by hand.
FIRST = "1767225600000,87648.2,87890.0,87640.1,87721.5,5.5,1767229199999,482000.25,31,2.5,219000,0"
SECOND = "1767229200000,87721.5,87800.0,87700.0,87750.0,4.5,1767232799999,394000.5,20,1.5,131000,0"
(DAY,) = CANDLES.files([window("2026-01-01", "2026-01-02")], NOW)
(MONTH,) = FUNDING.files([window("2026-01-01", "2026-01-02")], NOW)
READ = [
    {
        "timestamp": datetime(2026, 1, 1, 0, tzinfo=UTC),
        "open": 87648.2,
        "high": 87890.0,
        "low": 87640.1,
        "close": 87721.5,
        "volume": 5.5,
        "quote_volume": 482000.25,
        "num_trades": 31,
        "taker_buy_volume": 2.5,
        "taker_buy_quote_volume": 219000.0,
    },
    {
        "timestamp": datetime(2026, 1, 1, 1, tzinfo=UTC),
        "open": 87721.5,
        "high": 87800.0,
        "low": 87700.0,
        "close": 87750.0,
        "volume": 4.5,
        "quote_volume": 394000.5,
        "num_trades": 20,
        "taker_buy_volume": 1.5,
        "taker_buy_quote_volume": 131000.0,
    },
]


def zipped(text: str, *more: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for number, content in enumerate((text, *more)):
            file.writestr(f"{number}.csv", content)
    return packed.getvalue()


def read(text: str, file: ArchiveFile = DAY) -> Rows:
    return read_zip(zipped(text), file)


def in_microseconds(line: str) -> str:
    cells = line.split(",")
    return ",".join([f"{cells[0]}000", *cells[1:6], f"{cells[6]}999", *cells[7:]])


@pytest.mark.parametrize("heading", [HEADING, ""], ids=["heading", "no heading"])
@pytest.mark.parametrize("unit", [str, in_microseconds], ids=["ms", "us"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_file_is_read_with_and_without_heading_in_either_unit(
    heading: str, unit: Callable[[str], str], end: str
):
    rows = read((heading + "\n".join(map(unit, (FIRST, SECOND))) + "\n").replace("\n", end))
    assert rows.table.to_pylist() == READ
    assert rows.malformed == ()


def test_columns_stand_where_the_heading_says():
    turned = [",".join(reversed(line.split(","))) for line in (HEADING.strip(), FIRST, SECOND)]
    assert read("\n".join(turned)).table.to_pylist() == READ


def test_a_heading_that_lacks_a_column_is_refused_by_name():
    with pytest.raises(ArchiveCorrupt, match="lacks taker_buy_volume"):
        read(HEADING.replace("taker_buy_volume", "tbv") + FIRST)


@pytest.mark.parametrize("unit", [str, in_microseconds], ids=["ms", "us"])
@pytest.mark.parametrize(
    "spoiled",
    [
        SECOND.replace("87750.0", "n/a"),
        SECOND.replace("87750.0", ""),
        SECOND.replace("87750.0", "NaN"),
        SECOND.replace("87750.0", "inf"),
        SECOND.replace(",20,", ",20.5,"),
        SECOND[: len(SECOND) // 2],
    ],
)
@pytest.mark.parametrize("heading", [HEADING, ""], ids=["heading", "no heading"])
def test_a_row_that_cannot_be_read_is_set_aside_and_the_others_are_kept(
    heading: str, spoiled: str, unit: Callable[[str], str]
):
    made = unit(spoiled) if spoiled.count(",") == 11 else spoiled
    rows = read(f"{heading}{unit(FIRST)}\n{made}\n")
    assert rows.table.to_pylist() == READ[:1]
    (bad,) = rows.malformed
    assert made.split(",")[1] in bad.payload


def test_a_row_of_another_day_is_set_aside():
    tomorrow = FIRST.replace("1767225600000", str(1767225600000 + DAY_MS))
    rows = read(f"{FIRST}\n{SECOND}\n{tomorrow}\n")
    assert rows.table.to_pylist() == READ
    (stray,) = rows.malformed
    assert "2026-01-02" in stray.payload


def test_settlements_are_read_with_their_interval_and_their_own_time():
    text = (
        "calc_time,funding_interval_hours,last_funding_rate\n"
        "1767225600004,8,0.00010000\n1767254400000,4,-0.00002500\n1767268800000,,0.0001\n"
    )
    told = [
        (datetime(2026, 1, 1, 0, 0, 0, 4000, tzinfo=UTC), 8.0, 0.0001),
        (datetime(2026, 1, 1, 8, tzinfo=UTC), 4.0, -0.000025),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), None, 0.0001),
    ]
    finer = text.replace("00004,", "00004123,").replace("00000,", "00000000,")
    for shape in (text, text.partition("\n")[2], finer):
        rows = read(shape, MONTH).table.to_pylist()
        assert [tuple(row.values()) for row in rows] == told, "microseconds are cut to the API's"
        assert list(rows[0]) == ["raw_timestamp", "interval_hours", "funding_rate"]


def test_a_heading_alone_is_no_rows_and_no_heading_either_is_no_file():
    assert read(HEADING).table.num_rows == 0
    with pytest.raises(ArchiveCorrupt):
        read("")


@pytest.mark.parametrize(
    "content",
    [
        b"<html>We will be back soon</html>",
        zipped(FIRST)[:-30],
        zipped(FIRST).replace(b"\x50\x4b\x03\x04", b"\x50\x4b\x03\x05"),
        zipped(FIRST, SECOND),
    ],
    ids=["no zip", "truncated", "damaged", "two files"],
)
def test_what_is_no_zip_of_one_file_is_refused_by_name(content: bytes):
    with pytest.raises(ArchiveCorrupt, match=r"BTCUSDT-1h-2026-01-01\.zip"):
        read_zip(content, DAY)


# -- downloads

QUICK = Patience(
    attempts=4, backoff_seconds=0.01, max_backoff_seconds=0.05, max_pause_seconds=5,
    timeout_seconds=2,
)  # fmt: skip
FEBRUARY = window("2026-02-01", "2026-03-01")


@dataclass
class Downloads:
    """Brings files like a run would: all at once, each with its outcome."""

    url: str
    records: list[RequestRecord] = field(default_factory=list)

    def bring(self, *files: ArchiveFile, patience: Patience = QUICK) -> list[Any]:
        async def all_of_them() -> list[Any]:
            client = ArchiveClient(
                "binance", self.url, run_id="run-1", record=self.records.append, patience=patience
            )
            async with client:
                return await asyncio.gather(
                    *(client.rows(file) for file in files), return_exceptions=True
                )

        return asyncio.run(all_of_them())

    def fail(self, file: ArchiveFile, patience: Patience = QUICK) -> MarketAssetsError:
        (error,) = self.bring(file, patience=patience)
        assert isinstance(error, MarketAssetsError), repr(error)
        return error

    @property
    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.records]


@pytest.fixture
def downloads(exchange: RunningSimulator) -> Downloads:
    return Downloads(f"{exchange.base_url('binance')}/archive")


def scheduled(fault: str, first: int, last: int) -> dict[str, Any]:
    item = {"fault": fault, "start_request": first, "end_request": last}
    return {"schedule": [item], "fault_paths": ["archive"]}


def test_a_month_is_brought_as_the_exchange_traded_it(
    downloads: Downloads, exchange: RunningSimulator
):
    (february,) = CANDLES.files([FEBRUARY], NOW)
    (rows,) = downloads.bring(february)
    truth = exchange.truth(
        "binance/ohlcv", symbol="BTCUSDT", start=FEBRUARY.start, end=FEBRUARY.end
    )
    kept = ("venue", "symbol", "interval")
    assert [row | {"timestamp": to_ms(row["timestamp"])} for row in rows.table.to_pylist()] == [
        {name: value for name, value in row.items() if name not in kept} for row in truth
    ]


def test_each_request_leaves_a_record_without_weight(downloads: Downloads):
    (day,) = CANDLES.files([window("2026-02-01", "2026-02-02")], NOW)
    downloads.bring(day)
    assert [(r.endpoint, r.symbol, r.status, r.outcome, r.weight) for r in downloads.records] == [
        ("archive", "BTCUSDT", 200, "ok", 0)
    ] * 2
    assert all(r.bytes > 0 and r.run_id == "run-1" for r in downloads.records)


def test_a_file_that_is_not_there_is_no_error(downloads: Downloads):
    nobody = ArchivedSeries("binance", "NOUSDT", "NOUSDT", "1h")
    (rows,) = downloads.bring(*nobody.files([FEBRUARY], NOW))
    assert rows is None
    assert [(r.status, r.outcome) for r in downloads.records] == [(404, "ok")]


def test_a_checksum_that_does_not_hold_is_asked_again_and_then_told_with_both_digests(
    downloads: Downloads, exchange: RunningSimulator
):
    exchange.control(faults={"archive_bad_checksum": 1.0})
    (february,) = CANDLES.files([FEBRUARY], NOW)
    error = downloads.fail(february)
    assert isinstance(error, ArchiveCorrupt)
    assert error.retryable
    assert february.name in str(error)
    assert error.facts["file"] == february.path
    digests = [word.strip(",") for word in error.problem.split() if len(word.strip(",")) == 64]
    assert len(set(digests)) == 2, "the expected and the found"
    assert downloads.outcomes == ["ok", "corrupt"] * 2


@pytest.mark.parametrize("request_number", [1, 2], ids=["checksum", "zip"])
def test_a_transfer_that_went_wrong_once_is_made_again(
    downloads: Downloads, exchange: RunningSimulator, request_number: int
):
    exchange.control(faults=scheduled("cut_json", request_number, request_number))
    (rows,) = downloads.bring(*CANDLES.files([FEBRUARY], NOW))
    assert rows.table.num_rows == 28 * 24
    assert downloads.outcomes.count("corrupt") == 1


@pytest.mark.parametrize("content", [zipped(FIRST), b"no zip"], ids=["another zip", "no zip"])
def test_the_checksum_is_held_against_a_file_before_anybody_opens_it(
    exchange: RunningSimulator, content: bytes
):
    (day,) = CANDLES.files([window("2026-02-01", "2026-02-02")], NOW)

    def swapped(path: str, body: bytes) -> bytes:
        return body if path.endswith(".CHECKSUM") else content

    with relay(exchange, swapped) as url:
        error = Downloads(f"{url}/binance/archive").fail(day)
    assert hashlib.sha256(content).hexdigest() in error.problem
    assert "unpacked" not in error.problem


def test_a_file_published_broken_with_a_checksum_that_holds_is_told_too(
    exchange: RunningSimulator,
):
    (day,) = CANDLES.files([window("2026-02-01", "2026-02-02")], NOW)
    content = b"PK is not enough to be a zip"
    digest = hashlib.sha256(content).hexdigest()

    def published(path: str, body: bytes) -> bytes:
        return f"{digest}  {day.name}\n".encode() if path.endswith(".CHECKSUM") else content

    with relay(exchange, published) as url:
        downloads = Downloads(f"{url}/binance/archive")
        error = downloads.fail(day)
    assert isinstance(error, ArchiveCorrupt)
    assert "cannot be unpacked" in error.problem
    assert downloads.outcomes == ["ok", "corrupt"] * 2


@pytest.mark.parametrize("told", ["nonsense", "{digest}  another.zip", ""])
def test_a_checksum_of_another_file_or_of_none_is_none(exchange: RunningSimulator, told: str):
    (day,) = CANDLES.files([window("2026-02-01", "2026-02-02")], NOW)

    def rewritten(path: str, body: bytes) -> bytes:
        return told.format(digest="0" * 64).encode() if path.endswith(".CHECKSUM") else body

    with relay(exchange, rewritten) as url:
        error = Downloads(f"{url}/binance/archive").fail(day)
    assert isinstance(error, ArchiveCorrupt)
    assert ".CHECKSUM" in error.problem


@pytest.mark.parametrize("fault", ["http_500", "http_503", "cut_connection", "http_429"])
def test_what_passes_is_retried(downloads: Downloads, exchange: RunningSimulator, fault: str):
    exchange.control(faults={**scheduled(fault, 1, 1), "retry_after": 1})
    (rows,) = downloads.bring(*CANDLES.files([window("2026-02-01", "2026-02-02")], NOW))
    assert rows.table.num_rows == 24
    assert len(downloads.records) == 3


@pytest.mark.parametrize(
    ("fault", "kind", "outcome", "tries"),
    [
        ("http_500", VenueUnavailable, "server_error", 4),
        ("cut_connection", VenueUnavailable, "cut", 4),
        ("http_451", GeoBlocked, "geo_blocked", 1),
        ("http_403", GeoBlocked, "geo_blocked", 1),
        ("http_429", VenueThrottled, "throttled", 1),
        ("http_418", VenueRefused, "refused", 1),
    ],
)
def test_what_does_not_pass_is_an_error_of_its_kind(
    downloads: Downloads,
    exchange: RunningSimulator,
    fault: str,
    kind: type[MarketAssetsError],
    outcome: str,
    tries: int,
):
    exchange.control(faults={fault: 1.0, "retry_after": 3000, "fault_paths": ["archive"]})
    error = downloads.fail(CANDLES.files([FEBRUARY], NOW)[0])
    assert type(error) is kind
    assert downloads.outcomes == [outcome] * tries


def test_an_archive_that_does_not_answer_is_named_with_its_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    downloads = Downloads(url)
    error = downloads.fail(CANDLES.files([FEBRUARY], NOW)[0])
    assert isinstance(error, VenueUnavailable)
    assert url in str(error)
    assert "venues.binance.archive_url" in str(error)
    assert downloads.outcomes == ["unreachable"] * 4


def test_when_an_archive_is_down_the_files_that_wait_their_turn_do_not_ask(
    downloads: Downloads, exchange: RunningSimulator
):
    exchange.control(faults={"http_503": 1.0, "fault_paths": ["archive"]})
    days = CANDLES.files([window("2026-02-01", "2026-02-26")], NOW)
    errors = downloads.bring(*days)
    assert {type(error) for error in errors} == {VenueUnavailable}
    assert len(downloads.records) <= 8 * QUICK.attempts < len(days) * QUICK.attempts


def test_a_slow_archive_is_given_up_after_the_timeout(
    downloads: Downloads, exchange: RunningSimulator
):
    exchange.control(
        faults={"timeout": 1.0, "timeout_seconds": 3, "fault_paths": ["archive"]}
    )  # fmt: skip
    hasty = Patience(attempts=1, timeout_seconds=0.3)
    error = downloads.fail(CANDLES.files([FEBRUARY], NOW)[0], hasty)
    assert "no answer in 0.3 s" in str(error)
    assert downloads.outcomes == ["timeout"]
