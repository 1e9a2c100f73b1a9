"""A misspelt request is refused; it is no empty answer, and makes nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

BECAUSE = ("--because", "a test")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("quarantine", "list", "--venue", "binanc"), "Did you mean binance?"),
        (("quarantine", "list", "--dataset", "ohlc"), "there is no dataset 'ohlc'"),
        (("quarantine", "revalidate", "--venue", "nope"), "there is no venue 'nope'"),
        (("quarantine", "revalidate", "--dataset", "bla"), "there is no dataset 'bla'"),
        (("as-of", "2026-03-01", "--venue", "okx", "--interval", "7h"), "no candle length '7h'"),
        (("export", "x.csv", "--venue", "okx", "--interval", "60m"), "no candle length '60m'"),
        (("status", "--venue", "binanse"), "Did you mean binance?"),
        (("status", "--dataset", "olcv"), "there is no dataset 'olcv'"),
    ],
)
def test_a_misspelt_filter_is_refused(
    cli: Any,
    lake: object,  # there is a warehouse
    arguments: tuple[str, ...],
    named: str,
) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert named in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("quarantine", "release", "abcd1234", *BECAUSE),
        ("quarantine", "drop", "abcd1234", *BECAUSE),
        ("quarantine", "revalidate"),
        ("repair",),
        ("maintain",),
        ("backup", "nowhere"),
    ],
)
def test_a_command_on_what_is_stored_makes_no_warehouse_where_there_is_none(
    cli: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "nothing is ingested yet" in ran.err
    assert not (tmp_path / "warehouse").exists()


def test_a_report_that_cannot_be_written_says_where(
    cli: Any,
    lake: object,  # there is a warehouse
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = cli("report", "--out", str(tmp_path / "file" / "report"))
    assert ran.code == 6
    ran.assert_one_clear_message()
    assert str(tmp_path / "file") in ran.err


@pytest.mark.parametrize("engine", ["ducklake", "bigquery"])
def test_a_folder_that_is_no_backup_restores_nothing_and_says_so(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setenv("MARKET_ASSETS_WAREHOUSE__ENGINE", engine)
    (tmp_path / "elsewhere").mkdir()
    ran = cli("restore", str(tmp_path / "elsewhere"))
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "it is no backup" in ran.err


@pytest.mark.parametrize("content", [b"{bad", b"[1, 2]", b"\xea\xff\x00"])
def test_a_file_of_faults_that_is_no_json_object_is_told(
    cli: Any, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "faults.json"
    file.write_bytes(content)
    ran = cli("simulate", "--port", "0", "--faults", str(file))
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert str(file) in ran.err


def test_a_simulator_at_a_port_that_is_taken_says_so(cli: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = cli("simulate", "--port", str(port))
    assert ran.code == 7
    ran.assert_one_clear_message()
    assert f"127.0.0.1:{port}" in ran.err
