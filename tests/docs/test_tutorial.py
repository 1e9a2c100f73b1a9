"""The commands of the tutorial run as they stand, and say what it says that they say.

Its steps in the UI and its notebook are followed by scripts/follow_tutorial.py.
"""

from __future__ import annotations

import ast
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lab_support import VENUES

from market_assets.cli import main
from market_assets.simulator.process import RunningSimulator

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
SETTINGS = "venues: {okx: {enabled: false}, aster: {enabled: false}}\n"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def run(line: str, capfd: pytest.CaptureFixture[str]) -> str:
    command, *arguments = shlex.split(line)
    assert command == "market-assets", line
    capfd.readouterr()
    code: object = 0
    try:
        main(arguments)
    except SystemExit as done:
        code = done.code or 0
    said = capfd.readouterr()
    assert code == 0, said
    return said.out


def test_the_added_symbol_is_named_until_it_is_brought(
    exchange: RunningSimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    demo = tmp_path / ".state" / "demo" / "platform.yaml"
    demo.parent.mkdir(parents=True)
    demo.write_text(SETTINGS)
    for venue in VENUES:
        url = exchange.base_url(venue)
        monkeypatch.setenv(f"MARKET_ASSETS_VENUES__{venue.upper()}__BASE_URL", url)
    config = f"--config {demo.relative_to(tmp_path)}"
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    run(f"market-assets ingest --venue binance --from 2026-03-08 --to 2026-03-10 {config}", capfd)

    said: list[str] = []
    for line in lines:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
            continue
        said.append(run(line, capfd))
        for command in re.findall(r"brings it: (.*)", said[-1]):
            run(command, capfd)

    first, after = said
    assert (
        "Nobody asked for binance ohlcv 1h 1000PEPEUSDT 2026-03-08 00:00 .. 2026-03-10 00:00"
        in (first)
    )
    assert "Nobody asked" not in after


def test_the_cells_are_python_and_the_range_is_what_the_output_above_it_says() -> None:
    for cell in blocks("python"):
        ast.parse(cell)
    told = re.search(r"1000PEPEUSDT (.{16}) \.\. (.{16})", PAGE)
    typed = re.search(r"\[(\S+?)\.\.\.(\S+?)\]", PAGE)
    assert told
    assert typed
    first, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in told.groups())
    last = end - timedelta(hours=1)
    assert typed.groups() == (f"{first:%Y-%m-%d-%H:%M}", f"{last:%Y-%m-%d-%H:%M}")
