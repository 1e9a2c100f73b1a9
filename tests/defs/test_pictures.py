"""Pictures: well-formed, small, and they show what they are given."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

from lab_support import window

from market_assets.defs import pictures
from market_assets.schemas.timeline import HOUR_MS

DAYS = window("2026-03-01", "2026-03-04")


def texts(svg: str) -> list[str]:
    return [
        element.text or "" for element in ET.fromstring(svg).iter() if element.tag[-4:] == "text"
    ]


def test_candles_rise_in_one_colour_and_fall_in_another() -> None:
    candles = [
        pictures.Candle(at, 10 + n % 3, 14, 9, 12 - n % 3)
        for n, at in enumerate(DAYS.grid(HOUR_MS))
    ]
    svg = pictures.candles("binance <1h>", {"BTCUSDT": candles}, DAYS, HOUR_MS)
    paths = [element for element in ET.fromstring(svg).iter() if element.tag.endswith("path")]
    assert len(paths) == 2
    assert sum(path.attrib["d"].count("z") for path in paths) == len(candles)
    assert {"binance <1h>", "BTCUSDT", "2026-03-01 00:00 UTC", "2026-03-04 00:00 UTC"} <= set(
        texts(svg)
    )
    assert len(pictures.markdown("chart", svg)) < 40_000


def test_coverage_counts_each_state_in_its_legend() -> None:
    states = {
        "BTCUSDT": ["present"] * 70 + ["missing"] * 2,
        "NEWUSDT": ["not_listed"] * 60 + ["present"] * 12,
    }
    svg = pictures.coverage("coverage", states, DAYS)
    assert {"stored (82)", "missing (2)", "not listed (60)"} <= set(texts(svg))


def test_the_widest_coverage_stays_small() -> None:
    states = {f"S{n}USDT": ["present", "missing"] * 36 for n in range(20)}
    svg = pictures.coverage("coverage", states, DAYS)
    assert len(pictures.markdown("coverage", svg)) < 40_000


def test_empty_windows_are_drawn_too() -> None:
    ET.fromstring(pictures.candles("nothing", {"BTCUSDT": []}, DAYS, HOUR_MS))
    ET.fromstring(pictures.bars("nothing", {"BTCUSDT": [], "ETHUSDT": [(DAYS.start, 0.0)]}, DAYS))


def test_markdown_holds_the_picture_itself() -> None:
    svg = pictures.bars("rates", {"BTCUSDT": [(DAYS.start, 1e-4), (DAYS.start, -1e-4)]}, DAYS)
    said = pictures.markdown("chart", svg)
    assert base64.b64decode(said.split("base64,")[1].rstrip(")")).decode() == svg
