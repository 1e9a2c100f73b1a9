"""Write docs/images/rooms.svg from the import contract and the rooms' own words; `--check` only
compares.

The layers are those that `lint-imports` holds the code to (pyproject.toml), so the picture cannot
say what is not so; what a room is for is the first sentence of its docstring.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from drawing import PAD, Box, drawing, height_of, wrapped
from reference_page import publish

ROOT = Path(__file__).parents[1]
WIDTH = 1180
GAP = 12


def layers() -> Iterator[list[str]]:
    """From the rim down; a room of the contract that has no file yet is left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    assert contract["type"] == "layers"
    for layer in contract["layers"]:
        rooms = [name for name in re.findall(r"[\w.]+", layer) if _source(name)]
        if rooms:
            yield rooms


def purpose(room: str) -> str:
    """The first sentence of what the room says of itself."""
    source = _source(room)
    assert source
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    sentence = re.split(r"(?<=\.)\s|\n\n", said)[0]
    # What the command line's help begins with is its own name.
    said = " ".join(sentence.split()).removeprefix("`market-assets ...`: ")
    return said if said.startswith("dbt") else said[0].upper() + said[1:]


def _source(room: str) -> Path | None:
    path = ROOT / room.replace(".", "/")
    return next((f for f in (path / "__init__.py", path.with_suffix(".py")) if f.exists()), None)


def render() -> str:
    y = PAD
    parts = []
    for rooms in layers():
        width = (WIDTH - 2 * PAD - GAP * (len(rooms) - 1)) // len(rooms)
        texts = [wrapped(purpose(room), width) for room in rooms]
        height = height_of(max(len(lines) for lines in texts))
        for place, (room, lines) in enumerate(zip(rooms, texts, strict=True)):
            x = PAD + place * (width + GAP)
            title = room.removeprefix("market_assets.")
            parts.append(Box(title, lines, x, y, width, height).svg())
        y += height + GAP
    return drawing("Rooms of the code: each row imports only from rows below it", WIDTH, y, parts)


def main() -> int:
    return publish("images/rooms.svg", render())


if __name__ == "__main__":
    sys.exit(main())
