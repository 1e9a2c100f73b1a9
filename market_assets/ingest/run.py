"""Run a job: finish complete, or name every missing interval, keeping what is done.

plan (what is not complete yet) -> fetch -> validate -> prove the holes -> store, chunk by chunk.
While one chunk is being stored the next one is being fetched.
"""

from __future__ import annotations

import asyncio
import difflib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from market_assets.errors import RequestInvalid, SymbolUnknown
from market_assets.ingest.candles import CandleFetcher
from market_assets.ingest.connection import connect
from market_assets.ingest.finding import Finder, Finding
from market_assets.ingest.funding import FundingFetcher, FundingFinder
from market_assets.ingest.job import AbsentInterval, Job, Summary
from market_assets.ingest.judge import CandleFinder
from market_assets.ingest.plan import chunks
from market_assets.ingest.released import Released
from market_assets.ingest.rows import Origin, judged
from market_assets.ingest.snapshots import instrument_rows, prediction_rows, remembered
from market_assets.ingest.source import Source
from market_assets.ingest.storing import Storing
from market_assets.schemas.datasets import (
    DATASETS,
    FUNDING_PREDICTIONS,
    FUNDING_RATES,
    INSTRUMENTS,
    OHLCV,
    Dataset,
)
from market_assets.schemas.timeline import HOUR_MS, INTERVALS, Window, floor_to, merge, subtract
from market_assets.venues._gate import Wait
from market_assets.venues.contract import Instrument
from market_assets.venues.registry import VENUES
from market_assets.warehouse.contract import Gap
from market_assets.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings

FETCHED = (OHLCV, FUNDING_RATES, FUNDING_PREDICTIONS, INSTRUMENTS)
# How many unknown symbols a message names.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run can show: how much is to do, what was done for whom, and what it waits for."""

    on_plan: Callable[[int], None] = lambda _total: None
    on_done: Callable[[str, int], None] = lambda _symbol, _points: None
    on_wait: Callable[[Wait], None] = lambda _wait: None


def ingest(
    job: Job, settings: Settings, warehouse: Warehouse, progress: Progress | None = None
) -> Summary:
    """Run the job to its end; `summary.raise_if_incomplete()` makes missing intervals an error."""
    return asyncio.run(IngestRun(job, settings, warehouse, progress or Progress()).run())


class IngestRun:
    """One run of one job."""

    def __init__(
        self, job: Job, settings: Settings, warehouse: Warehouse, progress: Progress
    ) -> None:
        check(job)
        self.job = replace(job, run_id=job.run_id or uuid.uuid4().hex[:16])
        self.dataset: Dataset = DATASETS[job.dataset]
        self.settings = settings
        self.warehouse = warehouse
        self.progress = progress
        self.summary = Summary(self.job)
        released = Released(warehouse, job.venue, job.interval)
        self._origin = Origin(job.venue, job.interval, self.job.run_id, released=released)
        self._storing = Storing(self.job, self.dataset, warehouse, self.summary)

    async def run(self) -> Summary:
        started = time.perf_counter()
        try:
            async with connect(
                self.job.venue,
                self.settings,
                run_id=self.job.run_id,
                record=self._storing.requests.append,
                on_wait=self.progress.on_wait,
            ) as source:
                await source.synchronise()
                await self._work(source)
                self.summary.stopped_by = source.stopped_by
        finally:
            # Also when it fails or is interrupted: every request leaves its row.
            if self._storing.requests:
                self._storing.store([], self.dataset)
            self.summary.seconds = time.perf_counter() - started
        return self.summary

    async def _work(self, source: Source) -> None:
        instruments = await source.instruments()
        rows = instrument_rows(instruments, self._origin, source.now_ms())
        # Stored while the first pages are fetched: nobody waits for it but the end of the run.
        storing = asyncio.create_task(
            self._storing.keep([_snapshot(INSTRUMENTS, rows, self._origin)], INSTRUMENTS)
        )
        try:
            await self._bring(source, instruments)
        finally:
            await storing

    async def _bring(self, source: Source, instruments: Sequence[Instrument]) -> None:
        if self.dataset is INSTRUMENTS:
            return
        chosen = self._choose(instruments)
        if self.dataset is FUNDING_PREDICTIONS:
            await self._predictions(source, chosen)
            return
        closed_until = self._closed_until(source)
        self.summary.due = self.job.window.clip(end=closed_until)
        todo = self._todo(chosen)
        self._recall(todo)
        finder = self._finder(source, {i.symbol: i for i in instruments}, closed_until)
        concluded: dict[str, list[Window]] = {}
        async for findings in _ahead(self._find(source, finder, todo)):
            await self._storing.keep(findings, self.dataset)
            for finding in findings:
                concluded.setdefault(finding.symbol, []).extend(finding.windows)
        self._name_what_was_not_asked(todo, concluded)

    # -- what to do

    def _choose(self, instruments: Sequence[Instrument]) -> list[Instrument]:
        """The asked symbols' instruments; one the venue has forgotten, from our own records.

        What is no symbol of the venue is told at the end, with the others stored.
        """
        listed = {i.symbol: i for i in instruments}
        if any(symbol not in listed for symbol in self.job.symbols):
            gone = remembered(self.warehouse, self.job.venue, listed)
            listed |= {i.symbol: i for i in gone}
        unknown = [symbol for symbol in self.job.symbols if symbol not in listed]
        if unknown:
            self.summary.refused = _no_such_symbols(self.job, unknown, listed)
            if len(unknown) == len(self.job.symbols):
                raise self.summary.refused
        return [listed[symbol] for symbol in self.job.symbols if symbol in listed]

    def _closed_until(self, source: Source) -> int:
        """Candles that end by then have closed, by the venue's clock."""
        grace = int(self.settings.ingest.close_grace_seconds * 1000)
        step = INTERVALS.get(self.job.interval, 1)
        return floor_to(source.now_ms() - grace, step)

    def _todo(self, chosen: Sequence[Instrument]) -> dict[Instrument, list[Window]]:
        """What of the window is not known to be complete."""
        due = self.summary.due
        if self.job.refresh:
            return {instrument: merge([due]) for instrument in chosen}
        known = self.warehouse.covered(
            self.job.venue, self.dataset, self.job.interval, self.job.symbols, due
        )
        return {instrument: subtract([due], known[instrument.symbol]) for instrument in chosen}

    def _recall(self, todo: Mapping[Instrument, Sequence[Window]]) -> None:
        """Sum up what earlier runs settled; their absences belong to this summary too."""
        due = self.summary.due
        step = INTERVALS.get(self.job.interval, HOUR_MS)
        left = sum(window.length for windows in todo.values() for window in windows)
        self.summary.already_complete = (due.length * len(todo) - left) // step
        self.progress.on_plan(left // step)
        if not self.summary.already_complete:
            return
        recorded = self.warehouse.gaps(
            self.job.venue, self.dataset, self.job.interval, self.job.symbols, due
        )
        self.summary.absent += [
            AbsentInterval(instrument.symbol, replace(gap, window=part))
            for instrument, windows in todo.items()
            for gap in recorded[instrument.symbol]
            for part in subtract([gap.window], windows)
        ]

    # -- finding

    def _finder(
        self, source: Source, listed: Mapping[str, Instrument], closed_until: int
    ) -> Finder:
        options = self.settings.ingest
        if self.dataset is OHLCV:
            return CandleFinder(
                CandleFetcher(
                    source,
                    self.job.interval,
                    self._origin,
                    # Not the window's end: candles after it bear witness for the holes in it.
                    closed_until,
                    confirmations=options.confirmations,
                    rounds=options.rounds,
                    progress=self.progress.on_done,
                ),
                listed,
            )
        return FundingFinder(
            FundingFetcher(
                source,
                self._origin,
                confirmations=options.confirmations,
                rounds=options.rounds,
                progress=self.progress.on_done,
            )
        )

    async def _find(
        self, source: Source, finder: Finder, todo: Mapping[Instrument, Sequence[Window]]
    ) -> AsyncIterator[list[Finding]]:
        by_symbol = {i.symbol: i for i in todo}
        windows = {i.symbol: w for i, w in todo.items()}
        for part in chunks(
            windows, finder.step, finder.page_rows, self.settings.ingest.commit_rows
        ):
            yield await finder.find({by_symbol[s]: parts for s, parts in part.items()})
            if source.stopped_by is not None:
                return

    def _name_what_was_not_asked(
        self,
        todo: Mapping[Instrument, Sequence[Window]],
        concluded: Mapping[str, Sequence[Window]],
    ) -> None:
        """A run that was stopped early names the rest as missing."""
        for instrument, windows in todo.items():
            self.summary.absent += [
                AbsentInterval(instrument.symbol, Gap(window, "missing", {"unproven": "not asked"}))
                for window in subtract(windows, concluded.get(instrument.symbol, ()))
            ]

    async def _predictions(self, source: Source, chosen: Sequence[Instrument]) -> None:
        answers = await asyncio.gather(
            *(source.ask(source.venue.prediction_call(i)) for i in chosen)
        )
        now = source.now_ms()
        told = [
            source.venue.parse_prediction(answer.body, instrument)
            for answer, instrument in zip(answers, chosen, strict=True)
            if answer is not None
        ]
        self.summary.absent += [
            AbsentInterval(i.symbol, Gap(Window(now, now), "missing", {"unproven": "no answer"}))
            for i, answer in zip(chosen, answers, strict=True)
            if answer is None
        ]
        rows = prediction_rows(told, self._origin, now)
        finding = _snapshot(FUNDING_PREDICTIONS, rows, self._origin)
        await self._storing.keep([finding], FUNDING_PREDICTIONS)


async def _ahead(parts: AsyncIterator[list[Finding]]) -> AsyncIterator[list[Finding]]:
    """Hand out each part while the next one is already being fetched."""

    async def following() -> list[Finding] | None:
        return await anext(parts, None)

    pending = asyncio.create_task(following())
    try:
        while (part := await pending) is not None:
            pending = asyncio.create_task(following())
            yield part
    finally:
        pending.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await pending


def _snapshot(dataset: Dataset, rows: pa.Table, origin: Origin) -> Finding:
    """Rows of now, with the bad ones set aside."""
    good, bad = judged(dataset, rows, "", origin.released)
    return Finding("", (), [good], bad)


def _no_such_symbols(job: Job, unknown: Sequence[str], listed: Iterable[str]) -> SymbolUnknown:
    names = ", ".join(unknown[:_NAMED])
    if len(unknown) > _NAMED:
        names += f" and {len(unknown) - _NAMED} more"
    near = difflib.get_close_matches(unknown[0], list(listed), n=3, cutoff=0.5)
    others = len(unknown) < len(job.symbols)
    return SymbolUnknown(
        str(job),
        f"{job.venue} does not list {names}" + ("; the other symbols are stored" if others else ""),
        (f"Did you mean {' or '.join(near)}? " if near else "")
        + f"`market-assets instruments --venue {job.venue}` lists what it trades",
        venue=job.venue,
        symbols=list(unknown),
    )


def check(job: Job) -> None:
    """A job that makes no sense is refused before anything is asked."""
    fetched = [dataset.name for dataset in FETCHED]
    if job.venue not in VENUES:
        near = difflib.get_close_matches(job.venue, VENUES, n=1)
        raise RequestInvalid(
            "Reading the request",
            f"there is no venue {job.venue!r}",
            f"Did you mean {near[0]}?" if near else f"Venues are {', '.join(VENUES)}",
        )
    if job.dataset not in fetched:
        raise RequestInvalid(
            "Reading the request",
            f"there is no dataset {job.dataset!r} to ingest",
            f"Datasets are {', '.join(fetched)}",
        )
    if job.dataset == OHLCV.name:
        served = VENUES[job.venue].limits.intervals
        if job.interval not in served:
            known = [interval for interval in INTERVALS if interval in served]
            raise RequestInvalid(
                "Reading the request",
                f"{job.venue} has no candles of {job.interval!r}",
                f"Candle lengths are {', '.join(known)}",
            )
        if any(edge % INTERVALS[job.interval] for edge in (job.window.start, job.window.end)):
            raise RequestInvalid(
                "Reading the request",
                f"{job.window} does not begin and end on whole candles of {job.interval}",
                "Give times that are multiples of the interval, in UTC",
            )
    if not job.symbols and job.dataset != INSTRUMENTS.name:
        raise RequestInvalid(
            "Reading the request", "no symbols were given", "Name one at least, such as BTCUSDT"
        )
    if len(set(job.symbols)) != len(job.symbols):
        raise RequestInvalid(
            "Reading the request", "a symbol is named twice", "Name each symbol once"
        )
