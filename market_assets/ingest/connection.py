"""A connection to a venue, as the settings describe it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from market_assets.ingest.source import Source
from market_assets.schemas.requests import RequestRecord
from market_assets.venues._gate import BreakerPolicy, Wait
from market_assets.venues._http import Patience, VenueClient
from market_assets.venues.registry import VENUES

if TYPE_CHECKING:
    from market_assets.settings import Settings


@asynccontextmanager
async def connect(
    name: str,
    settings: Settings,
    *,
    run_id: str,
    record: Callable[[RequestRecord], None],
    on_wait: Callable[[Wait], None],
) -> AsyncIterator[Source]:
    venue, http = settings.venue(name), settings.http
    client = VenueClient(
        VENUES[name],
        venue.base_url,
        settings.state_dir / "venues.sqlite",
        run_id=run_id,
        record=record,
        patience=patience_with(name, settings),
        breaker=BreakerPolicy(
            http.breaker_failures,
            http.breaker_first_pause_seconds,
            http.breaker_next_pause_seconds,
        ),
        on_wait=on_wait,
        limit_weight=venue.weight_limit_per_minute,
    )
    async with client:
        yield Source(client)


def patience_with(name: str, settings: Settings) -> Patience:
    """How long and how often a venue is asked, whichever of its addresses."""
    venue, http = settings.venue(name), settings.http
    return Patience(
        attempts=http.attempts,
        backoff_seconds=http.backoff_seconds,
        max_backoff_seconds=http.max_backoff_seconds,
        max_pause_seconds=http.max_pause_seconds,
        max_open_seconds=http.breaker_first_pause_seconds * 2,
        timeout_seconds=venue.timeout_seconds,
        concurrency=venue.concurrency,
        proxy=http.proxy,
    )
