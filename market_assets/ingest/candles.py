"""Fetch one symbol's candles over some windows until each is found or its absence is confirmed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from market_assets.ingest.plan import pages, pages_around
from market_assets.ingest.rows import Origin, canonical, judged, times_ms, unreadable
from market_assets.ingest.source import Source
from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import INTERVALS, Window
from market_assets.venues.contract import Call, Instrument, Rows
from market_assets.warehouse.contract import QuarantinedRow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(slots=True)
class Candles:
    """What is known about one symbol's candles so far."""

    instrument: Instrument
    interval: str
    # What was to be found, and what of it has not been.
    windows: tuple[Window, ...]
    absent: list[int] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)
    quarantined: list[QuarantinedRow] = field(default_factory=list)
    # Times and volumes of valid rows of every page, also of neighbours outside of what was to be
    # found. A broken row's volume could excuse a hole beside it.
    seen: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    # How many answers showed candles around a hole and none in it.
    confirmations: Counter[int] = field(default_factory=Counter)

    @property
    def step(self) -> int:
        return INTERVALS[self.interval]

    def volumes(self) -> dict[int, float]:
        """Volume of every candle seen. Only asked for where there are holes."""
        known: dict[int, float] = {}
        for times, volumes in self.seen:
            known.update(zip(times.tolist(), volumes.tolist(), strict=True))
        return known


class CandleFetcher:
    """Fetches candles of one interval from one venue."""

    def __init__(
        self,
        source: Source,
        interval: str,
        origin: Origin,
        closed_until: int,
        *,
        confirmations: int,
        rounds: int,
        progress: Callable[[str, int], None],
    ) -> None:
        self.source = source
        self.interval = interval
        self.step = INTERVALS[interval]
        self.closed_until = closed_until
        self.confirmations = confirmations
        self._rounds = rounds
        self._origin = origin
        self._progress = progress
        self._page_rows = source.venue.limits.candle_page_rows

    def for_interval(self, interval: str) -> CandleFetcher:
        """The same fetcher for another candle length, without a say in the progress."""
        return CandleFetcher(
            self.source,
            interval,
            self._origin,
            self.closed_until,
            confirmations=self.confirmations,
            rounds=self._rounds,
            progress=lambda *_: None,
        )

    async def fetch(self, instrument: Instrument, windows: Sequence[Window]) -> Candles:
        """Ask for the windows, then again around every hole, until enough answers agree."""
        candles = Candles(instrument, self.interval, tuple(windows))
        candles.absent = [slot for window in windows for slot in window.grid(self.step)]
        await self._ask(candles, pages(windows, self.step, self._page_rows))
        await self.confirm(candles, candles.absent)
        return candles

    async def confirm(self, candles: Candles, slots: Iterable[int]) -> None:
        """Ask around the holes among `slots` until they are filled or confirmed."""
        wanted = set(slots)
        # The first answers count too, but each could have lost the same late row.
        enough = self.confirmations + 1
        for attempt in range(self.confirmations + self._rounds):
            open_slots = [
                slot
                for slot in candles.absent
                if slot in wanted and candles.confirmations[slot] < enough
            ]
            if not open_slots or self.source.stopped_by is not None:
                return
            padding = 2 + 7 * attempt
            await self._ask(candles, pages_around(open_slots, self.step, self._page_rows, padding))

    async def _ask(self, candles: Candles, windows: Iterable[Window]) -> None:
        now = self.source.now_ms()
        calls = [
            self.source.venue.candles_call(candles.instrument, self.interval, window, now)
            for window in windows
        ]
        wanted = set(candles.absent)
        answers = await self.source.ask_all(
            calls, self.source.venue.parse_candles, lambda call: self._asked(call, wanted)
        )
        self._take(candles, answers)

    def _asked(self, call: Call, wanted: set[int]) -> None:
        self._progress(
            call.symbol, sum(1 for slot in call.window.grid(self.step) if slot in wanted)
        )

    def _take(self, candles: Candles, answers: Sequence[tuple[Call, Rows]]) -> None:
        """Keep the closed candles that were absent; count what the answers say about the others."""
        import numpy as np
        import pyarrow as pa

        wanted = np.array(candles.absent, dtype=np.int64)
        parts: list[pa.Table] = []
        neighbours: list[pa.Table] = []
        shown: list[NDArray[np.int64]] = []
        candles.quarantined += unreadable([rows for _, rows in answers], candles.instrument.symbol)
        for call, rows in answers:
            times = times_ms(rows.table)
            inside = (
                (times >= call.window.start)
                & (times < call.window.end)
                & (times + self.step <= self.closed_until)
            )
            # Off-grid rows are kept for the validator to reject by name.
            new = inside & (np.isin(times, wanted) | (times % self.step != 0))
            # Pages around holes overlap: what one of them brought, the next need not bring again.
            wanted = np.setdiff1d(wanted, times[new], assume_unique=False)
            parts.append(rows.table.filter(arrow.mask(new)))
            if (inside & ~new).any():
                neighbours.append(rows.table.filter(arrow.mask(inside & ~new)))
            shown.append(np.sort(times[inside]))
        if not parts:
            return
        good, bad = self._judged(candles, pa.concat_tables(parts))
        candles.quarantined += bad
        for table in (*(self._judged(candles, rows)[0] for rows in neighbours), good):
            candles.seen.append((times_ms(table), arrow.numbers(table.column("volume"))))
        if good.num_rows:
            candles.tables.append(good)
        found = set(times_ms(good).tolist())
        candles.absent = [slot for slot in candles.absent if slot not in found]
        if candles.absent:
            for rows_shown in shown:
                self._count(candles, rows_shown)

    def _judged(self, candles: Candles, rows: pa.Table) -> tuple[pa.Table, list[QuarantinedRow]]:
        symbol = candles.instrument.symbol
        table = canonical(OHLCV, rows, symbol, self._origin, self.source.now_ms())
        return judged(OHLCV, table, symbol, self._origin.released)

    def _count(self, candles: Candles, rows: NDArray[np.int64]) -> None:
        """One more answer that shows candles on both sides of these holes and none in them."""
        if len(rows) < 2:
            return
        first = bisect_right(candles.absent, int(rows[0]))
        last = bisect_left(candles.absent, int(rows[-1]))
        # A row that came but broke the rules is no proof of absence.
        present = set(rows.tolist())
        candles.confirmations.update(
            slot for slot in candles.absent[first:last] if slot not in present
        )

    async def oldest(self, instrument: Instrument, near: int, needed: int) -> int | None:
        """The open time of the venue's oldest candle, or of one that is not after `needed`."""
        while True:
            call = self.source.venue.oldest_call(instrument, self.interval, near)
            answers = await self.source.ask_all(
                [call] * self.confirmations, self.source.venue.parse_candles, lambda _: None
            )
            told = [int(times_ms(rows.table).min()) for _, rows in answers if rows.table.num_rows]
            # An empty answer proves nothing, a younger candle than another's is a short page.
            if not told:
                return None
            cut = any(rows.table.num_rows >= call.limit > 1 for _, rows in answers)
            if not cut or min(told) <= needed:
                return min(told)
            near = min(told)  # a full page was cut: there can be older ones
