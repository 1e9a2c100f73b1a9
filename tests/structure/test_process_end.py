"""A program of ours ends at once, and still does what it promised to do at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Python's last search for garbage would find these two, which hold each other, and say so.
HOLD_EACH_OTHER = """
import atexit, sys

class Garbage:
    def __del__(self):
        sys.stdout.write("searched ")

one, other = Garbage(), Garbage()
one.other, other.other = other, one
del one, other
atexit.register(sys.stdout.write, "ended ")
"""


def said_by(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HOLD_EACH_OTHER + code],
        cwd=REPOSITORY,
        env={**os.environ, "MARKET_ASSETS_CONFIG": str(REPOSITORY / "platform.yaml")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_python_itself_searches_all_there_is() -> None:
    assert said_by("") == "ended searched searched "


@pytest.mark.parametrize(
    "program",
    [
        "from market_assets.cli import main; main(['status', '--help'])",
        pytest.param("import market_assets.definitions", marks=pytest.mark.slow),
    ],
)
def test_a_program_of_ours_leaves_its_memory_to_the_system(program: str) -> None:
    said = said_by(f"import gc; gc.disable(); {program}")
    assert said.endswith("ended ")
