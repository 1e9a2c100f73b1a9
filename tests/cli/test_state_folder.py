"""A state folder that cannot be used: one message and an exit code, whichever command meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ASK = ["ingest", "--venue", "okx", "--from", "2026-02-01", "--to", "2026-02-02"]
COMMANDS = [["demo"], ["up"], ASK, ["build"]]
NAMES = ["demo", "up", "ingest", "build"]


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_file_where_the_state_folder_should_be_is_named(
    cli: Any, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "state").write_text("somebody's notes")

    ran = cli(*command)

    assert ran.code == 6
    ran.assert_one_clear_message()
    assert f"{tmp_path / 'state'} is a file where a folder should be" in ran.err
    assert "MARKET_ASSETS_STATE_DIR" in ran.err


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_state_folder_that_cannot_be_written_is_named(
    cli: Any, disk: Callable[[str], Path], monkeypatch: Any, command: list[str]
) -> None:
    folder = disk("ro,size=1m")
    monkeypatch.setenv("MARKET_ASSETS_STATE_DIR", str(folder))

    ran = cli(*command)

    assert ran.code == 6
    ran.assert_one_clear_message()
    assert str(folder) in ran.err
    assert "cannot be written" in ran.err


def test_a_demo_that_would_fill_the_disk_is_refused_before_it_starts_anything(
    cli: Any, disk: Callable[[str], Path], monkeypatch: Any
) -> None:
    folder = disk("size=20m")
    monkeypatch.setenv("MARKET_ASSETS_STATE_DIR", str(folder))

    ran = cli("demo")

    assert ran.code == 6
    ran.assert_one_clear_message()
    assert "a demo needs 100 MB, and 21.0 MB are free" in ran.err
    assert not (folder / "demo" / "logs").exists()


def test_a_disk_too_full_for_the_request_budget_is_one_message(
    cli: Any, disk: Callable[[str], Path], monkeypatch: Any
) -> None:
    folder = disk("size=8k")
    monkeypatch.setenv("MARKET_ASSETS_STATE_DIR", str(folder))

    ran = cli(*ASK)

    assert ran.code == 6
    ran.assert_one_clear_message()
    assert f"no space is left in {folder}" in ran.err
