"""A page of the docs that is made from the code: written, or only compared.

Each generator beside this one calls `publish` with its page; `--check` writes nothing and says
whether the page is behind the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def publish(page: str, text: str) -> int:
    """The exit code: 1 when the page was only to be compared, and is stale."""
    target = DOCS / page
    if "--check" in sys.argv:
        if target.exists() and target.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{target} is stale: run make docs-reference\n")
        return 1
    target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {target}\n")
    return 0


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a cell may hold any text."""
    lines = [head, ["---"] * len(head), *([_cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")
