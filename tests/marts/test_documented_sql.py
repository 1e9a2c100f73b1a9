"""SQL that people are told to run runs, on a real warehouse with real marts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from marts_support import MartsLab

pytestmark = pytest.mark.xdist_group("marts")

DOCS = Path(__file__).parents[2] / "docs"
# docs/costs.md speaks to BigQuery too.
PAGES = ("alerts.md", "completeness.md", "operations.md", "quality.md")
BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
STATEMENTS = [
    (page.name, statement.strip())
    for page in map(DOCS.joinpath, PAGES)
    for block in BLOCK.findall(page.read_text(encoding="utf-8"))
    for statement in block.split(";")
    if statement.strip()
]


def test_the_pages_have_sql() -> None:
    assert sum(page == "operations.md" for page, _ in STATEMENTS) > 30


@pytest.mark.parametrize(("page", "statement"), STATEMENTS)
def test_a_documented_statement_runs(winter: MartsLab, page: str, statement: str) -> None:
    found = winter.query(statement)

    assert len(found.columns) > 0
    # What is about history and not about this moment has something to show.
    if "from marts." in statement:
        assert len(found) > 0
