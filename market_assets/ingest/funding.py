"""Fetch one symbol's settled funding. There is no grid: venues change the interval when they like.

What should exist is read off the events themselves: between two settlements further apart than
the settlements around them, and at the ends, the missing multiples of the local step are suspects,
and suspects are asked for until they show up or enough answers agree that they are not there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from market_assets.ingest.evidence import OUTAGE_WITNESSES
from market_assets.ingest.finding import Finding, Work, inside_life, outside_life
from market_assets.ingest.job import joined_gaps
from market_assets.ingest.rows import Origin, canonical, judged, times_ms, unreadable
from market_assets.ingest.source import Source
from market_assets.schemas import arrow
from market_assets.schemas.datasets import FUNDING_RATES
from market_assets.schemas.timeline import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Window,
    ceil_to,
    floor_to,
    merge,
    subtract,
    to_ms,
)
from market_assets.venues.contract import Call, Instrument, Rows
from market_assets.warehouse.contract import Gap, QuarantinedRow

if TYPE_CHECKING:
    import pyarrow as pa

# Enough to see the settlement before the window's first, whatever the interval.
NEIGHBOURHOOD = DAY_MS
DEFAULT_INTERVAL_HOURS = 8.0
# A settlement shows up in the history some seconds after its time.
SETTLING_MS = 2 * MINUTE_MS
# Settlements are this far apart; anything else between two events is no interval but a hole.
INTERVALS_MS = tuple(hours * HOUR_MS for hours in (1, 2, 4, 6, 8))


@dataclass(slots=True)
class Funding:
    """What is known about one symbol's settlements so far."""

    instrument: Instrument
    windows: tuple[Window, ...]
    tables: list[pa.Table] = field(default_factory=list)
    events: set[int] = field(default_factory=set)  # the settlement times in `tables`
    suspects: list[int] = field(default_factory=list)
    confirmations: Counter[int] = field(default_factory=Counter)
    quarantined: list[QuarantinedRow] = field(default_factory=list)
    unreachable: list[Window] = field(default_factory=list)  # past what the venue keeps
    unanswered: list[Window] = field(default_factory=list)
    first: int | None = None  # the symbol's first settlement, once that is proven


def local_steps(times: Sequence[int], default: int) -> list[int]:
    """For each gap between neighbours, the step the neighbourhood suggests: its smallest gap."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    steps: list[int] = []
    for index, gap in enumerate(gaps):
        candidates = gaps[max(0, index - 1) : index + 2]
        if len(gaps) == 1 and gap % default == 0:
            candidates = [*candidates, default]
        if gap not in INTERVALS_MS:
            candidates = [*candidates, *(s for s in INTERVALS_MS[-1:] if gap % s == 0)]
        steps.append(min(candidates))
    return steps


def suspects(times: Sequence[int], span: Window, default: int) -> list[int]:
    """Settlement times in `span` that the ones we have make us expect, and that we don't have."""
    if not times:
        return [t for t in span.grid(default) if t > span.start]
    found: list[int] = []
    steps = local_steps(times, default)
    for earlier, later, step in zip(times, times[1:], steps, strict=False):
        found += range(earlier + step, later, step)
    first_step = steps[0] if steps else default
    last_step = steps[-1] if steps else default
    found += range(times[0] - first_step, span.start, -first_step)
    found += range(times[-1] + last_step, span.end, last_step)
    return sorted(found)


def explained(times: Sequence[int], suspect: int) -> bool:
    """Is a confirmed hole only a change of interval? Then its gap is an interval one side keeps."""
    before = [t for t in times if t < suspect]
    after = [t for t in times if t > suspect]
    if not before or not after:
        return False
    gap = after[0] - before[-1]
    if gap not in INTERVALS_MS or after[0] % gap:
        return False
    kept_before = len(before) > 1 and before[-1] - before[-2] == gap
    kept_after = len(after) > 1 and after[1] - after[0] == gap
    return kept_before or kept_after


class FundingFetcher:
    """Fetches settled funding from one venue."""

    def __init__(
        self,
        source: Source,
        origin: Origin,
        *,
        confirmations: int,
        rounds: int,
        progress: Callable[[str, int], None],
    ) -> None:
        self.source = source
        self._origin = origin
        self._confirmations = confirmations
        self._rounds = rounds
        self._progress = progress

    @property
    def settled_until(self) -> int:
        return self.source.now_ms() - SETTLING_MS

    async def fetch(self, instrument: Instrument, windows: Sequence[Window]) -> Funding:
        funding = Funding(instrument, tuple(windows))
        horizon = self.source.venue.limits.funding_history_ms
        oldest = self.source.now_ms() - horizon if horizon else 0
        reachable = [w for window in windows if (w := window.clip(oldest))]
        funding.unreachable = subtract(windows, reachable)
        spans = merge(self._with_neighbours(instrument, window, oldest) for window in reachable)
        for span in spans:
            await self._pages(funding, span)
        again, funding.unanswered = funding.unanswered, []
        for span in again:
            await self._pages(funding, span)
        for attempt in range(self._confirmations + self._rounds):
            open_suspects = [
                t
                for t in self._suspects(funding, spans)
                if funding.confirmations[t] < self._confirmations
            ]
            if not open_suspects or self.source.stopped_by is not None:
                break
            await self._ask_around(funding, open_suspects, attempt)
        await self._look_for_older(funding)
        funding.suspects = [
            t
            for t in self._suspects(funding, spans)
            if not explained(sorted(funding.events), t)
            or funding.confirmations[t] < self._confirmations
        ]
        self._progress(instrument.symbol, sum(window.length for window in windows) // HOUR_MS)
        return funding

    def _with_neighbours(self, instrument: Instrument, window: Window, oldest: int) -> Window:
        life_start = max(oldest, floor_to(instrument.listed_at, MINUTE_MS))
        start = min(window.start, max(window.start - NEIGHBOURHOOD, life_start))
        end = max(window.end, min(window.end + NEIGHBOURHOOD, self.settled_until))
        if instrument.delisted_at is not None:
            end = min(end, max(window.end, instrument.delisted_at + 1))
        return Window(start, end)

    def _default_step(self, instrument: Instrument) -> int:
        return int((instrument.funding_interval_hours or DEFAULT_INTERVAL_HOURS) * HOUR_MS)

    def _suspects(self, funding: Funding, spans: Sequence[Window]) -> list[int]:
        found: list[int] = []
        step = self._default_step(funding.instrument)
        for span in spans:
            times = sorted(t for t in funding.events if t in span)
            due = span.clip(funding.instrument.listed_at + 1, self.settled_until)
            found += [t for t in suspects(times, due, step) if t in due]
        wanted = merge(funding.windows)
        return [t for t in found if any(t in window for window in wanted)]

    async def _pages(self, funding: Funding, span: Window) -> None:
        """Walk the span in pages of time; a full page may have been cut: ask on from its edge."""
        step = self._default_step(funding.instrument)
        rows = self.source.venue.limits.funding_page_rows
        todo = list(span.pieces(step * rows))
        while todo:
            answers = await self._ask(funding, todo)
            answered = {call.window for call, _ in answers}
            funding.unanswered += [window for window in todo if window not in answered]
            todo = []
            for call, page in answers:
                if page.table.num_rows >= call.limit:
                    times = times_ms(page.table, "raw_timestamp")
                    shown = Window(int(times.min()), int(times.max()) + 1)
                    todo += subtract([call.window], [shown])

    async def _ask_around(
        self, funding: Funding, open_suspects: Sequence[int], attempt: int
    ) -> None:
        step = self._default_step(funding.instrument)
        reach = step * (2 + attempt)
        around = merge(Window(max(0, t - reach), t + reach + 1) for t in open_suspects)
        length = step * (self.source.venue.limits.funding_page_rows // 8)
        asked = [piece for window in around for piece in window.pieces(max(length, reach * 4))]
        for _, page in await self._ask(funding, asked):
            shown = sorted(_settlement_times(page))
            for t in open_suspects:
                ends_here = t > max(funding.events, default=0)
                if shown and t not in shown and shown[0] < t and (t < shown[-1] or ends_here):
                    funding.confirmations[t] += 1

    async def _look_for_older(self, funding: Funding) -> None:
        """Is the first settlement we see the symbol's first? Then nothing was due before it."""
        first = min(funding.events, default=None)
        wanted_from = min((window.start for window in funding.windows), default=0)
        if first is None or first <= wanted_from or not self._suspects(funding, [Window(0, first)]):
            return
        life = Window(min(funding.instrument.listed_at, first), first + MINUTE_MS)
        answers = await self._ask(funding, [life] * self._confirmations)
        told = [min(_settlement_times(page)) for _, page in answers if page.table.num_rows]
        if len(told) >= self._confirmations and min(told) == first:
            funding.first = first

    async def _ask(self, funding: Funding, windows: Sequence[Window]) -> list[tuple[Call, Rows]]:
        calls = [self.source.venue.funding_call(funding.instrument, window) for window in windows]
        answers = await self.source.ask_all(calls, self.source.venue.parse_funding, lambda _: None)
        self._take(funding, answers)
        return answers

    def _take(self, funding: Funding, answers: Sequence[tuple[Call, Rows]]) -> None:
        """Keep the settlements that are new; pages overlap, and each may be told many times."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        symbol = funding.instrument.symbol
        funding.quarantined += unreadable([rows for _, rows in answers], symbol)
        known = np.array(sorted(funding.events), dtype=np.int64)
        parts: list[pa.Table] = []
        for _, rows in answers:
            minutes = pc.round_temporal(rows.table.column("raw_timestamp"), unit="minute")
            table = rows.table.append_column("timestamp", minutes)
            times = times_ms(table)
            new = ~np.isin(times, known) & (times <= self.settled_until)
            known = np.union1d(known, times[new])
            parts.append(table.filter(arrow.mask(new)))
        table = pa.concat_tables(parts) if parts else None
        if table is None or not table.num_rows:
            return
        table = table.append_column("interval_hours", pa.nulls(table.num_rows, pa.float64()))
        table = canonical(FUNDING_RATES, table, symbol, self._origin, self.source.now_ms())
        good, bad = judged(FUNDING_RATES, table, symbol, self._origin.released)
        funding.tables.append(good)
        funding.events.update(times_ms(good).tolist())
        funding.quarantined += [row for row in bad if _concerns(row, funding.windows)]


def _concerns(row: QuarantinedRow, windows: Sequence[Window]) -> bool:
    """Neighbours are read to know the interval; their defects are their own run's to report."""
    if row.timestamp is None:
        return True
    moment = to_ms(row.timestamp)
    return any(moment in window for window in windows)


def _settlement_times(page: Rows) -> list[int]:
    times = times_ms(page.table, "raw_timestamp")
    return [int(ceil_to(int(t) - MINUTE_MS // 2, MINUTE_MS)) for t in times]


def rows_of(funding: Funding) -> pa.Table:
    """The settlements inside the windows, each with the hours since the one before it."""
    import numpy as np
    import pyarrow as pa

    times = sorted(funding.events)
    hours: dict[int, float | None] = {}
    for index, time in enumerate(times):
        # The first event we can see has nothing before it: the gap after it is the best we know.
        pair = times[index - 1 : index + 1] if index else times[:2]
        hours[time] = (pair[1] - pair[0]) / HOUR_MS if len(pair) == 2 else None
    for hole in funding.suspects:
        # With a settlement missing before it, an event's distance is not the venue's interval.
        after = next((t for t in times if t > hole), None)
        if after is not None:
            step = min((s for s in INTERVALS_MS if after - s == hole), default=None)
            hours[after] = step / HOUR_MS if step else None
    schema = FUNDING_RATES.arrow_schema()
    if not funding.tables:
        return arrow.table((), schema)
    table = pa.concat_tables(funding.tables).sort_by("timestamp")
    inside = [any(t in window for window in funding.windows) for t in times]
    at = schema.get_field_index("interval_hours")
    intervals = arrow.column([hours[t] for t in times], pa.float64())
    return table.set_column(at, schema.field(at), intervals).filter(arrow.mask(np.array(inside)))


def gaps_of(funding: Funding, others: Mapping[str, Funding]) -> list[Gap]:
    """Absent settlements with their reason: the venue's outage if everyone's is gone, else ours."""
    gaps = [
        Gap(window, "missing", {"unproven": "older than the venue keeps funding history"})
        for window in funding.unreachable
    ]
    for t in funding.suspects:
        if funding.first is not None and t < funding.first:
            gaps.append(
                Gap(Window(t, t + MINUTE_MS), "not_listed", {"first_settlement": funding.first})
            )
            continue
        # One minute stands for the settlement: nothing else of this dataset falls into it.
        window = Window(t, t + MINUTE_MS)
        gone = [name for name, other in others.items() if t in other.suspects]
        settled = [name for name, other in others.items() if t in other.events]
        if len(gone) >= OUTAGE_WITNESSES and not settled and funding.confirmations[t]:
            gaps.append(Gap(window, "venue_outage", {"symbols_absent_too": gone}))
        elif funding.confirmations[t]:
            gaps.append(Gap(window, "missing", {"answers": funding.confirmations[t]}))
        else:
            gaps.append(
                Gap(window, "missing", {"unproven": "no answer shows settlements around it"})
            )
    # What was told above is told once: a suspect can lie in a span that nobody answered for.
    told = [gap.window for gap in gaps]
    gaps += [
        Gap(part, "missing", {"unproven": "not answered"})
        for window in subtract(funding.unanswered, told)
        for inside in funding.windows
        if (part := window.clip(inside.start, inside.end)) and window.overlaps(inside)
    ]
    return joined_gaps(gaps)


@dataclass(slots=True)
class FundingFinder:
    """Settled funding: fetched, and every absent settlement judged."""

    fetcher: FundingFetcher
    # About one settlement in eight hours: pages and chunks are that much longer.
    step: int = 8 * HOUR_MS

    @property
    def page_rows(self) -> int:
        return self.fetcher.source.venue.limits.funding_page_rows

    async def find(self, work: Work) -> list[Finding]:
        lives = {
            i: Window(
                i.listed_at,
                max(i.listed_at, windows[-1].end if i.delisted_at is None else i.delisted_at + 1),
            )
            for i, windows in work.items()
        }
        found = await asyncio.gather(
            *(self.fetcher.fetch(i, inside_life(windows, lives[i])) for i, windows in work.items())
        )
        by_symbol = {funding.instrument.symbol: funding for funding in found}
        return [
            Finding(
                symbol,
                windows,
                [rows_of(funding)],
                funding.quarantined,
                [
                    *outside_life(funding.instrument, windows, lives[funding.instrument]),
                    *gaps_of(funding, {s: f for s, f in by_symbol.items() if s != symbol}),
                ],
            )
            for (symbol, funding), windows in zip(by_symbol.items(), work.values(), strict=True)
        ]
