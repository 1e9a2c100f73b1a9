"""What to ask, as pure functions of time: pages, chunks, and pages around holes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from market_assets.schemas.timeline import Window, merge


def pages(windows: Iterable[Window], step: int, page_rows: int) -> list[Window]:
    """The fewest pages of at most `page_rows` grid points that hold all windows.

    Time is walked, never rows. Windows that fit into one page share it: the candles between them
    cost less than another request.
    """
    length = step * page_rows
    found: list[Window] = []
    for window in merge(windows):
        if found and window.end - found[-1].start <= length:
            found[-1] = Window(found[-1].start, window.end)
        else:
            found.extend(window.pieces(length))
    return found


def pages_around(absent: Sequence[int], step: int, page_rows: int, padding: int) -> list[Window]:
    """The fewest pages that hold every absent point with `padding` neighbours on both sides.

    An answer proves something about a hole only when it shows candles around it; another padding
    in each round cuts the pages elsewhere, so that no two answers share the same edges.
    """
    padding = max(1, min(padding, (page_rows - 1) // 2))
    found: list[Window] = []
    start: int | None = None
    last = 0
    for point in absent:
        if start is not None and point + (padding + 1) * step - start <= page_rows * step:
            last = point
            continue
        if start is not None:
            found.append(Window(start, last + (padding + 1) * step))
        start, last = max(0, point - padding * step), point
    if start is not None:
        found.append(Window(start, last + (padding + 1) * step))
    return found


def chunks(
    todo: Mapping[str, Sequence[Window]], step: int, page_rows: int, chunk_rows: int
) -> list[dict[str, list[Window]]]:
    """Cut the work into time-ordered chunks of about `chunk_rows`, each stored in one transaction.

    All symbols of a span of time belong to one chunk: their candles prove outages to each other.
    """
    everything = merge(window for windows in todo.values() for window in windows)
    if not everything:
        return []
    symbols = sum(1 for windows in todo.values() if windows)
    pages_per_chunk = max(1, round(chunk_rows / (symbols * page_rows)))
    length = pages_per_chunk * page_rows * step
    pieces = [piece for span in everything for piece in span.pieces(length)]
    starts = [piece.start for piece in pieces]
    cut: list[dict[str, list[Window]]] = [{} for _ in pieces]
    for symbol, windows in todo.items():
        for window in windows:
            at = bisect_right(starts, window.start) - 1
            while at < len(pieces) and pieces[at].start < window.end:
                if part := window.clip(pieces[at].start, pieces[at].end):
                    cut[at].setdefault(symbol, []).append(part)
                at += 1
    return _joined_small(cut, chunk_rows * step)


def _joined_small(cut: list[dict[str, list[Window]]], enough: int) -> list[dict[str, list[Window]]]:
    """Join small neighbouring chunks: a thousand scattered holes are not a thousand commits."""
    joined: list[dict[str, list[Window]]] = []
    size = 0
    for chunk in cut:
        length = sum(window.length for windows in chunk.values() for window in windows)
        if joined and size + length <= enough:
            for symbol, windows in chunk.items():
                joined[-1].setdefault(symbol, []).extend(windows)
            size += length
        else:
            joined.append(chunk)
            size = length
    return joined
