"""Candles that the record holds for stored, and the table does not have.

No run of ours takes a candle away, so somebody else did, or the store lost it. Found, they are
missing again, which makes them be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import INTERVALS, Window, subtract, windows_of
from market_assets.warehouse.contract import Batch, Gap, SeriesOutcome

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.warehouse.protocol import Warehouse

_EVIDENCE = {"vanished": "recorded as stored, and not in the table"}


def vanished(
    warehouse: Warehouse,
    venue: str,
    interval: str,
    symbols: Sequence[str],
    window: Window,
    recorded: Mapping[str, Sequence[Gap]],
    rows: pa.Table,
) -> dict[str, list[Gap]]:
    """By symbol; `recorded` is what `gaps` tells of the window, `rows` are those stored in it.

    Only candles have a grid that tells; a settlement's absence shows in the next.
    """
    if not interval:
        return {}
    step = INTERVALS[interval]
    covered = warehouse.covered(venue, OHLCV, interval, symbols, window)
    stored: dict[str, set[int]] = {symbol: set() for symbol in symbols}
    for symbol, micros in arrow.keys(rows, ("symbol", "timestamp")):
        stored[symbol].add(micros // 1000)
    found: dict[str, list[Gap]] = {}
    for symbol in symbols:
        due = subtract(covered[symbol], (gap.window for gap in recorded[symbol]))
        gone = (slot for part in due for slot in part.grid(step) if slot not in stored[symbol])
        if spans := windows_of(gone, step):
            found[symbol] = [Gap(span, "missing", _EVIDENCE) for span in spans]
    return found


def reopen(
    warehouse: Warehouse,
    venue: str,
    interval: str,
    symbols: Sequence[str],
    window: Window,
    run_id: str,
) -> int:
    """Record what has vanished as missing; how many spans that were."""
    recorded = warehouse.gaps(venue, OHLCV, interval, symbols, window)
    rows = warehouse.read(venue, OHLCV, interval=interval, symbols=symbols, window=window)
    found = vanished(warehouse, venue, interval, symbols, window, recorded, rows)
    series = [
        SeriesOutcome(symbol, gap.window, (), (gap,))
        for symbol, gaps in found.items()
        for gap in gaps
    ]
    if series:
        nothing = arrow.table((), OHLCV.arrow_schema())
        warehouse.commit(Batch(venue, OHLCV, interval, run_id, nothing, series))
    return len(series)
