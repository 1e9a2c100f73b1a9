"""Pages of candle rows as bytes: each day is written out once and then only joined."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from market_assets.simulator.bars import Bars, Series
from market_assets.simulator.cache import BlockCache
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import DAY_MS, MINUTE_MS, floor_to
from market_assets.simulator.market import Market
from market_assets.simulator.noise import Ints

# (bars, which columns of them, instrument, whether they are closed) -> one row of bytes each
Writer = Callable[[Bars, Ints, Instrument, bool], list[bytes]]


# The first and the last moment at which a row may open, both included.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Written:
    opens: list[int]
    rows: list[bytes]


class CandleRows:
    """Selects the rows that a page shows; knows nothing of parameters and cursors."""

    def __init__(self, market: Market, writer: Writer) -> None:
        self._market = market
        self._writer = writer
        self._written: BlockCache[_Written] = BlockCache(400_000)

    def oldest(
        self, series: Series, span: Span, limit: int, now: int, *, with_open: bool = True
    ) -> list[bytes]:
        """The first `limit` rows that open in the span, ascending."""
        return self._collect(series, span, limit, now, with_open=with_open, newest=False)

    def newest(
        self, series: Series, span: Span, limit: int, now: int, *, with_open: bool = True
    ) -> list[bytes]:
        """The last `limit` rows that open in the span, ascending."""
        return self._collect(series, span, limit, now, with_open=with_open, newest=True)

    def _collect(
        self,
        series: Series,
        span: Span,
        limit: int,
        now: int,
        *,
        with_open: bool,
        newest: bool,
    ) -> list[bytes]:
        market = self._market
        shift = series.offset_minutes * MINUTE_MS
        first = market.first_candle(series)
        start, end = max(span[0], first), span[1]
        open_at = floor_to(now, series.minutes, series.offset_minutes)
        last_closed = min(end, open_at - 1, market.last_moment(series.symbol, now))
        forming = self._open_row(series, now) if with_open and start <= open_at <= end else []
        wanted = limit - len(forming) if newest else limit
        pieces: list[list[bytes]] = []
        days = range((start - shift) // DAY_MS, (last_closed - shift) // DAY_MS + 1)
        for day in reversed(days) if newest else days:
            if wanted <= 0:
                break
            written = self._day(series, day, now)
            low = bisect_left(written.opens, start)
            high = bisect_right(written.opens, last_closed)
            rows = written.rows[low:high]
            rows = rows[-wanted:] if newest else rows[:wanted]
            wanted -= len(rows)
            pieces.append(rows)
        if newest:
            pieces.reverse()
        page = [row for rows in pieces for row in rows]
        return (page + forming)[:limit] if not newest else page + forming

    def _day(self, series: Series, day: int, now: int) -> _Written:
        # A correction in force makes another block of the same day.
        key = (series, day, self._market.active_corrections(series, day, now))
        found = self._written.get(key)
        if found is not None:
            return found
        bars = self._market.bars(series, day, now)
        columns = np.flatnonzero(bars.served())
        instrument = self._market.instruments[series.symbol]
        rows = self._writer(bars, columns, instrument, True)
        written = _Written(bars.opens()[columns].tolist(), rows)
        return self._written.put(key, written, len(rows) + 1)

    def _open_row(self, series: Series, now: int) -> list[bytes]:
        bars = self._market.open_candle(series, now)
        columns = np.flatnonzero(bars.served())
        return self._writer(bars, columns, self._market.instruments[series.symbol], False)


def decimal_columns(numbers: Ints, places: int) -> tuple[bytes, list[list[int]]]:
    """A %-template for whole numbers of 10**-places, and the columns that fill it."""
    if places <= 0:
        return b"%d", [(numbers * 10**-places).tolist()]
    whole, part = np.divmod(numbers, 10**places)
    return b"%%d.%%0%dd" % places, [whole.tolist(), part.tolist()]


def text_rows(opens: Ints, columns: Iterable[tuple[Ints, int]], tail: bytes) -> list[bytes]:
    """Rows of texts: the opening, whole numbers of 10**-places each, and the tail."""
    template = b'["%d"'
    filling: list[list[int]] = [opens.tolist()]
    for numbers, places in columns:
        text, lists = decimal_columns(numbers, places)
        template += b',"' + text + b'"'
        filling.extend(lists)
    return [(template + tail) % row for row in zip(*filling, strict=True)]
