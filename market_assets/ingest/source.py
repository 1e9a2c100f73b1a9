"""One run's view of one venue: its clock, its instruments, and asking with failures kept apart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Any

from market_assets.errors import (
    CircuitOpen,
    GeoBlocked,
    MarketAssetsError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from market_assets.venues._http import Answer, VenueClient
from market_assets.venues.contract import Call, Instrument, Rows, Venue

# After one of these no further request of the run makes sense.
ENDS_THE_RUN = (CircuitOpen, VenueThrottled, GeoBlocked, VenueRefused)
# The first request finds out whether anybody is there: no long patience yet.
FIRST_ATTEMPTS = 4


@dataclass(slots=True)
class Source:
    """Asks the venue; a page that can't be had is None, and what ended the run is remembered."""

    client: VenueClient
    # Venue time minus ours, in milliseconds; never ahead of the venue's true time.
    clock_offset_ms: float = 0.0
    stopped_by: MarketAssetsError | None = None
    problems: list[MarketAssetsError] = field(default_factory=list)

    @property
    def venue(self) -> Venue:
        return self.client.venue

    def now_ms(self) -> int:
        """The venue's time, at least."""
        return int(time.time() * 1000 + self.clock_offset_ms)

    async def synchronise(self) -> None:
        answer = await self.client.get(self.venue.time_call(), attempts=FIRST_ATTEMPTS)
        # The venue stamped its answer some time before it reached us: taking the stamp for "now"
        # errs to the past, so that no candle can look closed before it is.
        self.clock_offset_ms = self.venue.parse_time(answer.body) - time.time() * 1000

    async def instruments(self) -> list[Instrument]:
        first, *others = self.venue.instrument_calls()
        essential, *more = await asyncio.gather(
            self._pages(first, self.client.get),
            *(self._pages(call, partial(self.ask, fatal=False)) for call in others),
        )
        told = takewhile(bool, more)
        return self.venue.parse_instruments([body for part in (essential, *told) for body in part])

    async def _pages(
        self, call: Call, ask: Callable[[Call], Awaitable[Answer | None]]
    ) -> list[Any]:
        """The answer in all its parts; none of them when one can't be had."""
        bodies: list[Any] = []
        while True:
            answer = await ask(call)
            if answer is None:
                return []
            bodies.append(answer.body)
            more = call.next_page(answer.body) if call.next_page else None
            # A venue that names the same page as the next one would be asked for ever.
            if not more or more.items() <= call.params.items():
                return bodies
            call = replace(call, params={**call.params, **more})

    async def ask(self, call: Call, *, fatal: bool = True) -> Answer | None:
        """The answer, or None when there is none to be had; then `problems` says why."""
        if self.stopped_by is not None:
            return None
        try:
            return await self.client.get(call)
        except (VenueUnavailable, VenueThrottled, VenueRefused) as error:
            self.problems.append(error)
            if fatal and isinstance(error, ENDS_THE_RUN):
                self.stopped_by = error
            return None

    async def ask_all(
        self, calls: Sequence[Call], read: Callable[[Any], Rows], done: Callable[[Call], None]
    ) -> list[tuple[Call, Rows]]:
        """All at once (the client bounds it); only what was answered comes back."""

        async def one(call: Call) -> tuple[Call, Rows] | None:
            answer = await self.ask(call)
            done(call)
            return (call, read(answer.body)) if answer else None

        found = await asyncio.gather(*(one(call) for call in calls))
        return [item for item in found if item is not None]
