"""Small SVG pictures of a run's window, drawn by hand.

matplotlib would cost more CPU to import than an hour's whole run takes. Many shapes of one colour
share one path, which keeps a picture at a few kilobytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from market_assets.schemas.timeline import HOUR_MS, Window, to_text

WIDTH = 720
_LEFT, _RIGHT, _TOP = 92, 12, 30
_PANEL, _ROW, _BETWEEN = 110, 16, 8
_PLOT = WIDTH - _LEFT - _RIGHT
# What fits to the left of the plot.
_NAME = 80
_UP, _DOWN = "#1b9e77", "#d95f02"

# State of a symbol's hour -> colour (distinct without red and green) and what it says.
STATES: dict[str, tuple[str, str]] = {
    "present": ("#4c9a6a", "stored"),
    "nothing_due": ("#dfe7e2", "nothing due"),
    "no_trade": ("#a9c7e8", "no trade"),
    "venue_outage": ("#f2b134", "venue outage"),
    "not_listed": ("#b8b8b8", "not listed"),
    "not_closed": ("#ffffff", "not closed"),
    "not_asked": ("#f3f3f3", "not asked yet"),
    "missing": ("#c2185b", "missing"),
}


@dataclass(frozen=True, slots=True)
class Candle:
    opened: int
    open: float
    high: float
    low: float
    close: float


def candles(title: str, series: Mapping[str, Sequence[Candle]], window: Window, step: int) -> str:
    """One panel of candles for each symbol over the window; candles are `step` long."""
    panels: list[str] = []
    for place, (symbol, drawn) in enumerate(series.items()):
        top = _TOP + place * (_PANEL + _BETWEEN)
        low = min((candle.low for candle in drawn), default=0.0)
        high = max((candle.high for candle in drawn), default=1.0)
        scale = _Scale(low, high, top)
        width = max(1.0, _PLOT * step / max(window.length, step) * 0.7)
        up: list[str] = []
        down: list[str] = []
        for candle in drawn:
            x = _x(candle.opened + step / 2, window)
            first, last = scale.y(candle.open), scale.y(candle.close)
            body = max(0.8, abs(first - last))
            shape = (
                f"M{x:.1f} {scale.y(candle.high):.1f}V{scale.y(candle.low):.1f}"
                f"M{x - width / 2:.1f} {min(first, last):.1f}h{width:.1f}v{body:.1f}h-{width:.1f}z"
            )
            (up if candle.close >= candle.open else down).append(shape)
        panels.append(_frame(symbol, top, f"{high:.6g}", f"{low:.6g}"))
        panels += [
            f'<path d="{"".join(shapes)}" fill="{colour}" stroke="{colour}" stroke-width=".8"/>'
            for shapes, colour in ((up, _UP), (down, _DOWN))
            if shapes
        ]
    return _picture(title, window, panels, _TOP + len(series) * (_PANEL + _BETWEEN))


def bars(title: str, series: Mapping[str, Sequence[tuple[int, float]]], window: Window) -> str:
    """One panel of bars from zero for each symbol; a bar stands at its moment."""
    panels: list[str] = []
    for place, (symbol, drawn) in enumerate(series.items()):
        top = _TOP + place * (_PANEL + _BETWEEN)
        low = min((value for _, value in drawn), default=0.0)
        high = max((value for _, value in drawn), default=0.0)
        scale = _Scale(min(low, 0.0), max(high, 0.0), top)
        panels.append(_frame(symbol, top, f"{max(high, 0.0):.6g}", f"{min(low, 0.0):.6g}"))
        for above, colour in ((True, _UP), (False, _DOWN)):
            shapes = "".join(
                f"M{_x(moment, window):.1f} {scale.y(0):.1f}V{scale.y(value):.1f}"
                for moment, value in drawn
                if (value >= 0) is above
            )
            if shapes:
                panels.append(f'<path d="{shapes}" stroke="{colour}" stroke-width="4"/>')
    return _picture(title, window, panels, _TOP + len(series) * (_PANEL + _BETWEEN))


def coverage(title: str, states: Mapping[str, Sequence[str]], window: Window) -> str:
    """A row for each symbol, a cell for each hour, coloured by state, and a legend."""
    shapes: dict[str, list[str]] = {}
    labels: list[str] = []
    for place, (symbol, hours) in enumerate(states.items()):
        top = _TOP + place * _ROW
        labels.append(_text(_LEFT - 6, top + _ROW - 5, symbol, "end"))
        for first, last, state in _runs(hours):
            x = _x(window.start + first * HOUR_MS, window)
            width = _x(window.start + last * HOUR_MS, window) - x
            shapes.setdefault(state, []).append(f"M{x:.1f} {top + _ROW // 2}h{width:.1f}")
    drawn = [
        f'<path d="{"".join(paths)}" stroke="{STATES[state][0]}" stroke-width="{_ROW - 2}"/>'
        for state, paths in shapes.items()
    ]
    below = _TOP + len(states) * _ROW + _BETWEEN
    counts = {state: sum(list(hours).count(state) for hours in states.values()) for state in shapes}
    x = 12  # from the very left, so that all states fit
    for state in (name for name in STATES if name in shapes):
        colour, meaning = STATES[state]
        said = f"{meaning} ({counts[state]})"
        drawn.append(
            f'<rect x="{x}" y="{below + 14}" width="10" height="10" fill="{colour}"'
            ' stroke="#999" stroke-width=".5"/>'
        )
        labels.append(_text(x + 14, below + 23, said))
        x += 21 + int(5.5 * len(said))
    return _picture(title, window, drawn + labels, below, legend=18)


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of time in a row of a timeline."""

    start: int
    end: int
    colour: str


def timeline(title: str, rows: Mapping[str, Sequence[Bar]], window: Window) -> str:
    """A row for each name, with its spans; one that is too short to see is drawn all the same."""
    drawn: list[str] = []
    for place, (name, bars_of) in enumerate(rows.items()):
        top = _TOP + 2 * place * _ROW
        # Above its bars: these names are too long to stand beside them.
        drawn.append(_text(_LEFT, top + _ROW - 4, name if len(name) <= _NAME else name[:_NAME]))
        for bar in bars_of:
            x = _x(max(bar.start, window.start), window)
            width = max(2.0, _x(min(bar.end, window.end), window) - x)
            drawn.append(
                f'<rect x="{x:.1f}" y="{top + _ROW}" width="{width:.1f}" height="{_ROW - 4}"'
                f' fill="{bar.colour}"><title>{escape(name)}</title></rect>'
            )
    return _picture(title, window, drawn, _TOP + 2 * len(rows) * _ROW + _BETWEEN)


def markdown(title: str, svg: str) -> str:
    """The picture as Dagster's UI shows it: Markdown with the image inside."""
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to heights inside a panel."""

    low: float
    high: float
    top: int

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.top + (_PANEL - 4) * (1 - (value - self.low) / span) + 2


def _x(moment: float, window: Window) -> float:
    return _LEFT + _PLOT * (moment - window.start) / max(1, window.length)


def _runs(states: Sequence[str]) -> list[tuple[int, int, str]]:
    """Neighbours in the same state as one shape: [first, last) and the state."""
    found: list[tuple[int, int, str]] = []
    for place, state in enumerate(states):
        if found and found[-1][2] == state:
            found[-1] = (found[-1][0], place + 1, state)
        else:
            found.append((place, place + 1, state))
    return found


def _frame(symbol: str, top: int, high: str, low: str) -> str:
    return (
        f'<rect x="{_LEFT}" y="{top}" width="{_PLOT}" height="{_PANEL}" fill="none" stroke="#ccc"/>'
        + _text(_LEFT - 6, top + _PANEL // 2, symbol, "end")
        + _text(_LEFT - 6, top + 10, high, "end", "#777")
        + _text(_LEFT - 6, top + _PANEL - 2, low, "end", "#777")
    )


def _text(x: float, y: float, said: str, anchor: str = "start", colour: str = "#222") -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{escape(said)}</text>'


def _picture(title: str, window: Window, shapes: Sequence[str], below: int, legend: int = 0) -> str:
    """The shapes on white (the UI may be dark), with a title and the window's ends."""
    height = below + 18 + legend
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<g font-size="13" font-weight="bold">{_text(_LEFT, 19, title)}</g>'
        + "".join(shapes)
        + _text(_LEFT, below + 6, f"{to_text(window.start)} UTC", colour="#555")
        + _text(WIDTH - _RIGHT, below + 6, f"{to_text(window.end)} UTC", "end", "#555")
        + "</svg>"
    )
