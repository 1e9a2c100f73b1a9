"""Boxes and arrows as SVG: pictures that GitHub and the site show without a script or a host.

The colours follow the reader's light or dark mode; the ground is painted, so that the text can be
read on any page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

LINE = 17
PAD = 12
_CHARACTER = 6.6
_STYLE = """
svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.ground { fill: #ffffff; }
.box { fill: #eef3fb; stroke: #6a86b8; }
.title { fill: #16233b; font-size: 14px; font-weight: 600; }
.text { fill: #3d4b63; font-size: 12px; }
.arrow { fill: none; stroke: #8494b0; stroke-width: 1.5; }
.head { fill: #8494b0; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #171c26; }
  .box { fill: #232c3d; stroke: #5d79ab; }
  .title { fill: #eaf0fa; }
  .text { fill: #b5c0d3; }
  .arrow { stroke: #6f7f9c; }
  .head { fill: #6f7f9c; }
}
"""


@dataclass(frozen=True)
class Box:
    """A titled box at a place; its lines are as they are drawn."""

    title: str
    lines: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int

    def svg(self) -> str:
        text = [_text("title", self.x + PAD, self.y + PAD + 11, self.title)]
        for number, line in enumerate(self.lines, start=1):
            down = self.y + PAD + 13 + number * LINE
            text.append(_text("text", self.x + PAD, down, line))
        return (
            f'<rect class="box" x="{self.x}" y="{self.y}" width="{self.width}"'
            f' height="{self.height}" rx="7"/>\n' + "".join(text)
        )


def height_of(lines: int) -> int:
    return 2 * PAD + 15 + lines * LINE


def wrapped(text: str, width: int) -> tuple[str, ...]:
    """As lines that fit a box of the width."""
    return tuple(textwrap.wrap(text, int((width - 2 * PAD) / _CHARACTER)))


def arrow(boxes: Sequence[Box]) -> str:
    """From the right side of the first to the left side of the last, across those between."""
    path = ""
    for left, right in pairwise(boxes):
        x1, y1 = left.x + left.width, left.y + left.height // 2
        x2, y2 = right.x, right.y + right.height // 2
        bend = (x2 - x1) // 2
        start = f"H{x1}" if path else f"M{x1} {y1}"
        path += f"{start} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path class="arrow" d="{path}"/>\n<path class="head" d="M{x2} {y2} l-9 -5 v10 z"/>\n'


def drawing(title: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="ground" width="{width}" height="{height}" rx="10"/>\n'
        f"{''.join(parts)}</svg>\n"
    )


def _text(kind: str, x: int, y: int, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>\n'
