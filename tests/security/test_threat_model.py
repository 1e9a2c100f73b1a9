"""docs/security.md names a test for each measure: it is there, and it tests something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "`tests/" in line]


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))))
def test_a_test_that_is_named_is_there(file: str):
    assert re.search(r"^def test_", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_measure_names_its_test_and_every_border_says_what_is_not_done():
    tables = re.findall(r"\| threat \| what is done \| test \|\n\|.*\n((?:\|.*\n)+)", PAGE)
    assert len(tables) == len(re.findall(r"^### ", PAGE, re.MULTILINE))
    assert sum(len(rows.splitlines()) for rows in tables) == len(ROWS)
    assert PAGE.count("\nNot done: ") == len(tables)
