"""One run's view of one archive: files with their rows, stand-ins for bad ones, failures apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from market_assets.errors import (
    ArchiveCorrupt,
    MarketAssetsError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from market_assets.schemas.timeline import DAY_MS
from market_assets.venues._archive import ArchiveClient
from market_assets.venues._archive_files import ArchivedSeries, ArchiveFile
from market_assets.venues.contract import Rows

Page = tuple[ArchiveFile, Rows]


@dataclass(slots=True)
class ArchiveSource:
    """Asks for files; one that is not there or not good is no page."""

    client: ArchiveClient
    series: Callable[[str], ArchivedSeries]
    # What ended the asking: no further file can be had.
    stopped_by: MarketAssetsError | None = None
    corrupt: list[ArchiveCorrupt] = field(default_factory=list)

    async def pages(self, files: Sequence[ArchiveFile]) -> list[Page]:
        """All at once (the client bounds it)."""
        found = await asyncio.gather(*(self._pages(file) for file in files))
        return [page for pages in found for page in pages]

    async def _pages(self, file: ArchiveFile) -> list[Page]:
        """A file's rows; where a month has no good file, those of its days."""
        problem: ArchiveCorrupt | None = None
        try:
            rows = await self._ask(file)
        except ArchiveCorrupt as error:
            rows, problem = None, error
        if rows is not None:
            return [(file, rows)]
        days = await self._days(file) if file.every == "monthly" else []
        if problem is not None and len(days) * DAY_MS < file.window.length:
            self.corrupt.append(problem)
        return days

    async def _days(self, month: ArchiveFile) -> list[Page]:
        """A month's file can come late or broken when those of its days are long there."""
        days = self.series(month.symbol).days_of(month)
        # A month before the listing has neither its first day nor its last: two requests tell.
        edges = await self.pages([*days[:1], *days[-1:]])
        return [*edges, *await self.pages(days[1:-1])] if edges else []

    async def _ask(self, file: ArchiveFile) -> Rows | None:
        try:
            return await self.client.rows(file)
        except (VenueUnavailable, VenueThrottled, VenueRefused) as error:
            self.stopped_by = error
            return None
