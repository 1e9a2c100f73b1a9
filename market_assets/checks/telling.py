"""From masks over rows to findings that a person reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from market_assets.checks.findings import Finding

if TYPE_CHECKING:
    from market_assets.checks.rows import Floats, Mask, Rows

Say = Callable[[int], str]


def each_row(
    rule: str,
    rows: Rows,
    found: Mask,
    step: int,
    say: Say,
    *,
    values: Floats | None = None,
    threshold: float | Floats | None = None,
) -> list[Finding]:
    """A finding for each row of the window that `found` marks; `say(row)` tells what it is."""
    return [
        Finding(
            symbol=rows.symbol_of(row),
            at_ms=int(rows.times[row]),
            until_ms=int(rows.times[row]) + step,
            rule=rule,
            value=_at(values, row),
            threshold=_at(threshold, row),
            detail=say(row),
        )
        for row in (found & rows.inside).nonzero()[0].tolist()
    ]


def each_span(
    rule: str,
    rows: Rows,
    found: Mask,
    step: int,
    say: Callable[[int, int], str],
    *,
    values: Floats | None = None,
    threshold: float | None = None,
) -> list[Finding]:
    """One finding for marked rows that follow each other without a gap; its value is the last's.

    `say(first, last)` tells what it is, from the first and the last row of the span.
    """
    spans: list[list[int]] = []
    starts = set(rows.starts.tolist())
    for row in (found & rows.inside).nonzero()[0].tolist():
        follows = (
            spans
            and spans[-1][1] == row - 1
            and row not in starts
            and rows.times[row] - rows.times[row - 1] <= step
        )
        if follows:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    return [
        Finding(
            symbol=rows.symbol_of(first),
            at_ms=int(rows.times[first]),
            until_ms=int(rows.times[last]) + step,
            rule=rule,
            value=float(last - first + 1) if values is None else float(values[last]),
            threshold=threshold,
            detail=say(first, last),
        )
        for first, last in spans
    ]


def _at(given: float | Floats | None, row: int) -> float | None:
    """One number for all rows, or each row its own."""
    return given if given is None or isinstance(given, int | float) else float(given[row])
