"""Tables in the Markdown that Dagster's UI shows; what came from outside cannot break out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LONGEST = 200


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A row for each of the rows under the names."""
    lines = [list(names), ["---"] * len(names), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)[:_LONGEST].replace("\n", " ")
    # Backslashes first; brackets, because a picture or a link would be loaded or followed.
    for sign in "\\|[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;")
