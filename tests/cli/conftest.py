"""The command line as a user meets it: arguments and environment in, text and an exit code out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab_support import VENUES

from market_assets.cli import main
from market_assets.simulator.process import RunningSimulator

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from market_assets.cli import main; main()"]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    def assert_one_clear_message(self) -> None:
        """What went wrong and what to do about it, and no traceback."""
        assert "Traceback" not in self.said
        assert self.err.count("  -> ") == 1, self.err


Cli = Callable[..., Ran]


@pytest.fixture
def environment(exchange: RunningSimulator, tmp_path: Path) -> dict[str, str]:
    """What a user sets to run against a local exchange."""
    return {
        "MARKET_ASSETS_STATE_DIR": str(tmp_path / "state"),
        "MARKET_ASSETS_WAREHOUSE__PATH": str(tmp_path / "warehouse"),
        "MARKET_ASSETS_HTTP__BACKOFF_SECONDS": "0.02",
        **{
            f"MARKET_ASSETS_VENUES__{venue.upper()}__BASE_URL": exchange.base_url(venue)
            for venue in VENUES
        },
    }


@pytest.fixture
def cli(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Cli:
    """Run a command in this process: `cli("status", "--days", "3")`."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else 1
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture
def start(environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Start a command in a process of its own."""

    def begin(*arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin
