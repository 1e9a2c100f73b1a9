"""Tables of the UI: what came from outside stays text."""

from __future__ import annotations

import pytest

from market_assets.defs.markdown import table


@pytest.mark.parametrize(
    "evil",
    [
        "![x](http://evil/x.png)",
        "[z](javascript:1)",
        "<script>",
        "a | b",
        "a\nb",
        "\\[z](http://x)",
    ],
)
def test_a_cell_cannot_break_out_of_its_row_or_become_a_link(evil: str) -> None:
    *_, row = table(["said"], [[evil]]).split("\n")
    assert row.startswith("| ")
    assert row.endswith(" |")
    inside = row[2:-2].replace("\\\\", "")  # escaped backslashes
    assert "<" not in inside
    for sign in "|[]":
        assert inside.count(sign) == inside.count(f"\\{sign}")
