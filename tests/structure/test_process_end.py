"""A program of ours ends at once, and still does what it promised to do at its end."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Python's last search for garbage would find these two, which hold each other, and say so.
HOLD_EACH_OTHER = """
import atexit, gc, sys

gc.disable()  # only the last search is asked about

class Garbage:
    def __del__(self):
        sys.stdout.write("searched ")

one, other = Garbage(), Garbage()
one.other, other.other = other, one
del one, other
atexit.register(sys.stdout.write, "ended ")
"""


def said_by(code: str) -> str:
    command = [sys.executable, "-c", HOLD_EACH_OTHER + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


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
    assert said_by(program).endswith("ended ")
