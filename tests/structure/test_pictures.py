"""What the pictures of the architecture are drawn from, and that they show it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from generate_rooms_reference import layers, purpose
from lineage_picture import without_detours

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
IMAGES = ROOT / "docs/images"
HEAVIEST = 250_000


def test_every_room_of_the_code_is_in_the_contract_and_says_what_it_is_for() -> None:
    drawn = {room for rooms in layers() for room in rooms}
    package = ROOT / "market_assets"
    there = {f"market_assets.{path.parent.name}" for path in package.glob("*/__init__.py")}
    there |= {f"market_assets.{path.stem}" for path in package.glob("*.py") if path.stem[0] != "_"}

    assert drawn == there | {"sensors"}
    assert all(purpose(room).endswith(".") for room in drawn)


def test_the_picture_of_the_rooms_has_the_contracts_order() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    titles = {
        text.text: float(text.attrib["y"])
        for text in ET.parse(IMAGES / "rooms.svg").iter(f"{SVG}text")
        if text.attrib["class"] == "title"
    }

    def height(layer: str) -> float | None:
        rooms = [one.strip().strip("()").removeprefix("market_assets.") for one in layer.split("|")]
        shown = {titles[room] for room in rooms if room in titles}
        assert len(shown) <= 1, layer
        return shown.pop() if shown else None

    heights = [found for layer in contract if (found := height(layer)) is not None]
    assert heights == sorted(heights)
    assert len(set(heights)) == len(heights)


def test_an_arrow_that_another_way_tells_is_left_out() -> None:
    above = {
        "raw": frozenset[str](),
        "core": frozenset({"raw"}),
        "bars": frozenset({"core"}),
        "report": frozenset({"raw", "core", "bars"}),
    }
    assert without_detours(above)["report"] == {"bars"}
    assert without_detours(above)["bars"] == {"core"}


def test_every_picture_is_on_a_page_and_light_enough_for_it() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    pictures = [path for path in IMAGES.iterdir() if path.suffix in (".png", ".svg")]

    assert [picture.name for picture in pictures if f"images/{picture.name}" not in text] == []
    assert {p.name: p.stat().st_size for p in pictures if p.stat().st_size > HEAVIEST} == {}
