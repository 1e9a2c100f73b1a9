"""What others send can neither fill the memory nor bring code with it."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from market_assets.errors import ArchiveCorrupt, RequestInvalid
from market_assets.schemas.timeline import DAY_MS, Window
from market_assets.venues._archive_files import ArchiveFile
from market_assets.venues._archive_rows import MOST_BYTES, read_zip
from market_assets.warehouse.ducklake import DuckLakeWarehouse

FILE = ArchiveFile("binance", "BTCUSDT", "BTCUSDT", "1h", "daily", Window(0, DAY_MS))
# Where a zip's directory says how large the member is once unpacked.
DIRECTORY, SIZE_AT = b"PK\x01\x02", 24


def packed(*members: str, claims: int | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            archive.writestr(member, "0,1,1,1,1,1,1,1,1,1,1,0\n")
    content = file.getvalue()
    if claims is not None:
        at = content.index(DIRECTORY) + SIZE_AT
        content = content[:at] + struct.pack("<I", claims) + content[at + 4 :]
    return content


def test_a_file_of_the_archive_is_read_as_it_is():
    assert read_zip(packed("one.csv"), FILE).table.num_rows == 1


@pytest.mark.parametrize(
    "content",
    [packed("one.csv", claims=MOST_BYTES + 1), packed("one.csv", "two.csv"), packed()],
    ids=["claims to be huge", "two members", "none"],
)
def test_a_file_that_would_unpack_to_something_else_is_refused_unpacked(content: bytes):
    with pytest.raises(ArchiveCorrupt, match="one CSV of some megabytes"):
        read_zip(content, FILE)


def test_no_extension_is_downloaded_or_loaded_at_run_time(lake: DuckLakeWarehouse):
    settings = lake.ask(
        "SELECT current_setting('autoinstall_known_extensions') AS installs,"
        " current_setting('autoload_known_extensions') AS loads"
    ).to_pylist()
    assert settings == [{"installs": False, "loads": False}]
    for sql in ("INSTALL httpfs", "LOAD httpfs", "SELECT * FROM 'https://127.0.0.1:9/x.parquet'"):
        with pytest.raises(RequestInvalid):
            lake.query(sql)
