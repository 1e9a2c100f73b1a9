"""What is believed of a download."""

from __future__ import annotations

import asyncio
import hashlib
import io
import socket
import zipfile
from dataclasses import dataclass, field
from typing import Any

import pytest
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
from market_assets.schemas.timeline import to_ms
from market_assets.simulator.process import RunningSimulator
from market_assets.venues._archive import ArchiveClient
from market_assets.venues._archive_files import (
    ArchivedSeries,
    ArchiveFile,
)
from market_assets.venues._http import Patience

CANDLES = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT", "1h")
FUNDING = ArchivedSeries("binance", "BTCUSDT", "BTCUSDT")
NOW = ms("2026-03-10T12:34:56")

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


def another_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("0.csv", "1767225600000,1,1,1,1,1,1767229199999,1,1,1,1,0")
    return packed.getvalue()


@pytest.mark.parametrize("content", [another_zip(), b"no zip"], ids=["another zip", "no zip"])
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
