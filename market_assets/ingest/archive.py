"""Bring candles and settled funding from a venue's bulk archive: old history, and repair.

It costs none of the API's weight. Files are believed by their SHA-256 only; what they bring passes
the rules that the API's rows pass, and where it differs from what is stored it is a correction.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from market_assets.errors import RequestInvalid
from market_assets.ingest.archive_source import ArchiveSource, Page
from market_assets.ingest.archived import KnownFunding, candles_of, funding_of
from market_assets.ingest.connection import patience_with
from market_assets.ingest.finding import Finding
from market_assets.ingest.funding import NEIGHBOURHOOD
from market_assets.ingest.job import AbsentInterval, Job, Summary, joined_gaps
from market_assets.ingest.released import Released
from market_assets.ingest.rows import Origin
from market_assets.ingest.run import Progress, check
from market_assets.ingest.snapshots import remembered
from market_assets.ingest.storing import Storing
from market_assets.schemas import arrow
from market_assets.schemas.datasets import DATASETS, FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import (
    HOUR_MS,
    INTERVALS,
    Window,
    floor_to,
    merge,
    subtract,
)
from market_assets.venues._archive import ArchiveClient
from market_assets.venues._archive_files import ArchivedSeries, ArchiveFile
from market_assets.venues._binance_like import BinanceLike
from market_assets.venues.registry import VENUES
from market_assets.warehouse.contract import Gap
from market_assets.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    from market_assets.settings import Settings

ARCHIVED = (OHLCV, FUNDING_RATES)
SOURCE = "archive"

# Windows by symbol.
Windows = Mapping[str, Sequence[Window]]


def ingest_archive(
    job: Job, settings: Settings, warehouse: Warehouse, progress: Progress | None = None
) -> Summary:
    """Bring what the archive has of the job's window and is not complete yet; all in a refresh.

    What it does not have stays as it was known, and is named in the summary where it is missing.
    """
    run = ArchiveRun(job, settings, warehouse, progress or Progress())
    return asyncio.run(run.run(run.incomplete(), run.everything()))


def fill_from_archive(
    job: Job,
    missing: Iterable[AbsentInterval],
    settings: Settings,
    warehouse: Warehouse,
    progress: Progress | None = None,
) -> Summary:
    """Bring these missing intervals and no others; `summary.missing` is what still is."""
    run = ArchiveRun(job, settings, warehouse, progress or Progress())
    wanted: dict[str, list[Window]] = {}
    for item in missing:
        wanted.setdefault(item.symbol, []).append(run.due_part(item.gap.window))
    return asyncio.run(run.run(wanted, wanted))


def check_archived(job: Job, settings: Settings) -> str:
    """The address of the archive; a job that no archive can do is refused."""
    check(job)
    names = [dataset.name for dataset in ARCHIVED]
    if job.dataset not in names:
        raise RequestInvalid(
            "Reading the request",
            f"no archive has {job.dataset}",
            f"Archives have {' and '.join(names)}; leave out --source archive for the rest",
        )
    if not isinstance(VENUES[job.venue], BinanceLike):
        raise RequestInvalid(
            "Reading the request",
            f"{job.venue} has no archive that can be read",
            "Leave out --source archive: its API is the only source",
        )
    url = settings.venue(job.venue).archive_url
    if url is None:
        raise RequestInvalid(
            "Reading the request",
            f"no address of {job.venue}'s archive is set",
            f"Set venues.{job.venue}.archive_url, or leave out --source archive",
        )
    return url


class ArchiveRun:
    """One run of one job."""

    def __init__(
        self, job: Job, settings: Settings, warehouse: Warehouse, progress: Progress
    ) -> None:
        self._url = check_archived(job, settings)
        self.job = replace(job, run_id=job.run_id or uuid.uuid4().hex[:16])
        self.dataset = DATASETS[job.dataset]
        self.settings = settings
        self.warehouse = warehouse
        self.progress = progress
        # A file is published when its span is over: our own clock is good enough here.
        self._now = int((time.time() - settings.ingest.close_grace_seconds) * 1000)
        closed_until = floor_to(self._now, INTERVALS.get(job.interval, 1))
        self.summary = Summary(self.job, due=job.window.clip(end=closed_until))
        self._step = INTERVALS.get(job.interval, HOUR_MS)
        self._origin = Origin(
            job.venue,
            job.interval,
            self.job.run_id,
            SOURCE,
            Released(warehouse, job.venue, job.interval),
        )
        self._storing = Storing(self.job, self.dataset, warehouse, self.summary)
        # An archive has no list of instruments to ask for.
        self._instruments = {i.symbol: i for i in remembered(warehouse, job.venue, ())}

    def due_part(self, window: Window) -> Window:
        return window.clip(self.summary.due.start, self.summary.due.end)

    def everything(self) -> dict[str, list[Window]]:
        return {symbol: [self.summary.due] for symbol in self.job.symbols}

    def incomplete(self) -> dict[str, list[Window]]:
        """What of the job's window is not known to be complete; all of it in a refresh."""
        if self.job.refresh:
            return self.everything()
        covered = self._covered(self.job.symbols)
        return {s: subtract([self.summary.due], covered[s]) for s in self.job.symbols}

    async def run(self, wanted: Windows, scope: Windows) -> Summary:
        """Bring the wanted windows; the summary speaks of all in scope."""
        started = time.perf_counter()
        wanted = {symbol: self._inside_life(symbol, parts) for symbol, parts in wanted.items()}
        scope = {symbol: self._inside_life(symbol, parts) for symbol, parts in scope.items()}
        self.summary.already_complete = (_length(scope) - _length(wanted)) // self._step
        self.progress.on_plan(_length(wanted) // self._step)
        client = ArchiveClient(
            self.job.venue,
            self._url,
            run_id=self.job.run_id,
            record=self._storing.requests.append,
            patience=patience_with(self.job.venue, self.settings),
        )
        source = ArchiveSource(client, self._series)
        try:
            async with client:
                for files in self._chunks(wanted):
                    await self._bring(source, files, wanted)
        finally:
            # Also when it fails or is interrupted: every request leaves its row.
            if self._storing.requests:
                self._storing.store([], self.dataset)
            self.summary.seconds = time.perf_counter() - started
        self._name_what_is_absent(scope)
        # Files come in no order; the first by name is told, all of them are in ops.requests.
        corrupt = sorted(source.corrupt, key=lambda error: str(error.facts["file"]))
        self.summary.stopped_by = source.stopped_by or next(iter(corrupt), None)
        return self.summary

    # -- what to bring

    def _covered(self, symbols: Iterable[str]) -> dict[str, list[Window]]:
        return self.warehouse.covered(
            self.job.venue, self.dataset, self.job.interval, symbols, self.summary.due
        )

    def _series(self, symbol: str) -> ArchivedSeries:
        """Files bear the venue's own spelling; that of a symbol we never saw is ours."""
        known = self._instruments.get(symbol)
        native = known.native_symbol if known is not None else symbol
        return ArchivedSeries(self.job.venue, symbol, native, self.job.interval)

    def _inside_life(self, symbol: str, windows: Iterable[Window]) -> list[Window]:
        """Files go on after a delisting, with a reused ticker's rows: another contract's."""
        known = self._instruments.get(symbol)
        if known is None or known.delisted_at is None:
            return merge(windows)
        # The last settlement is at the very end.
        end = known.delisted_at + (1 if self.dataset is FUNDING_RATES else 0)
        return merge(window.clip(end=end) for window in windows)

    def _chunks(self, wanted: Windows) -> Iterator[list[ArchiveFile]]:
        """The files in order of time, about as many as one commit takes rows."""
        files = [
            file
            for symbol, windows in wanted.items()
            for file in self._series(symbol).files(windows, self._now)
        ]
        chunk: list[ArchiveFile] = []
        for file in sorted(files, key=lambda file: (file.window, file.symbol)):
            chunk.append(file)
            if sum(file.most_rows for file in chunk) >= self.settings.ingest.commit_rows:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    # -- bringing

    async def _bring(
        self, source: ArchiveSource, files: Sequence[ArchiveFile], wanted: Windows
    ) -> None:
        pages = await source.pages(files)
        findings = await asyncio.to_thread(
            lambda: [self._finding(page, wanted[page[0].symbol]) for page in pages]
        )
        if findings:
            await self._storing.keep(findings, self.dataset)
        for file in files:
            parts = [_common(file.window, window) for window in wanted[file.symbol]]
            points = sum(part.length for part in parts) // self._step
            self.progress.on_done(file.symbol, points)

    def _finding(self, page: Page, wanted: Sequence[Window]) -> Finding:
        file, rows = page
        if self.dataset is OHLCV:
            return candles_of(rows, file.symbol, wanted, self._origin, self._now)
        known = self._known_funding(file)
        return funding_of(rows, file, wanted, known, self._origin, self._now)

    def _known_funding(self, file: ArchiveFile) -> KnownFunding:
        """What is stored of a file's span and just before it."""
        # One minute more: the last settlement may be stamped in the month before its own.
        around = Window(file.window.start - NEIGHBOURHOOD, file.window.end + 1)
        stored = self.warehouse.read(
            self.job.venue, FUNDING_RATES, symbols=[file.symbol], window=around
        )
        gaps = self.warehouse.gaps(self.job.venue, FUNDING_RATES, "", [file.symbol], around)
        return KnownFunding(
            {row["timestamp"] // 1000: row for row in arrow.records(stored)}, gaps[file.symbol]
        )

    # -- what is still not there

    def _name_what_is_absent(self, scope: Windows) -> None:
        """What is recorded as absent, and what nobody has brought yet."""
        covered = self._covered(scope)
        recorded = self.warehouse.gaps(
            self.job.venue, self.dataset, self.job.interval, scope, self.summary.due
        )
        evidence = {"unproven": "the archive did not bring it, and nobody asked the API"}
        for symbol, windows in scope.items():
            told = [
                replace(gap, window=part)
                for gap in recorded[symbol]
                for window in windows
                if (part := _common(gap.window, window))
            ]
            never = subtract(windows, [*covered[symbol], *(gap.window for gap in told)])
            gaps = [*told, *(Gap(window, "missing", evidence) for window in never)]
            self.summary.absent += [AbsentInterval(symbol, gap) for gap in joined_gaps(gaps)]


def _common(one: Window, other: Window) -> Window:
    return one.clip(other.start, other.end)


def _length(windows: Windows) -> int:
    return sum(window.length for parts in windows.values() for window in parts)
