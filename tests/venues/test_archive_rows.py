"""What is in a bulk file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from lab_support import ms, window

from market_assets.errors import (
    ArchiveCorrupt,
)
from market_assets.schemas.timeline import DAY_MS
from market_assets.venues._archive_files import (
    ArchivedSeries,
    ArchiveFile,
)
from market_assets.venues._archive_rows import read_zip
from market_assets.venues.contract import Rows

CANDLES = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT", "1h")
FUNDING = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT")
NOW = ms("2026-03-10T12:34:56")

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
