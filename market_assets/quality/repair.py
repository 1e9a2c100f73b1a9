"""Bring what is missing: by the API again, then from the venue's archive, and say what is left."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from market_assets.ingest.archive import fill_from_archive
from market_assets.ingest.job import Job, Summary
from market_assets.ingest.run import ingest
from market_assets.quality.repair_plan import Repair, RepairPlan, plan_repairs
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import Window, to_ms
from market_assets.venues._binance_like import BinanceLike
from market_assets.venues.registry import VENUES
from market_assets.warehouse.contract import MissingSpan

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse


def look(settings: Settings, warehouse: Warehouse, now: datetime) -> RepairPlan:
    """What the platform would repair now."""
    ours = [span for span in warehouse.missing() if is_ours(span, settings)]
    return plan_repairs(ours, warehouse.repairs(), settings.quality.repair, now)


def is_ours(span: MissingSpan, settings: Settings) -> bool:
    """Whether the platform is still set up to collect this span."""
    options = settings.enabled_venues.get(span.venue)
    if options is None or span.symbol not in options.symbols:
        return False
    if span.dataset == OHLCV.name and span.interval not in options.intervals:
        return False
    known = span.dataset in (OHLCV.name, FUNDING_RATES.name)
    return known and span.window.end > to_ms(options.start)


def run_repair(repair: Repair, settings: Settings, warehouse: Warehouse) -> list[Summary]:
    """One repair from end to end: a summary for each candle length, with what is still missing."""
    found = []
    for interval, symbols in _series(repair):
        job = Job(repair.venue, repair.dataset, symbols, _asked(repair, interval), interval)
        summary = ingest(job, settings, warehouse)
        fill_up(job, summary, settings, warehouse)
        found.append(summary)
    return found


def has_archive(venue: str, settings: Settings) -> bool:
    url = settings.venue(venue).archive_url
    return url is not None and isinstance(VENUES[venue], BinanceLike)


def fill_up(job: Job, summary: Summary, settings: Settings, warehouse: Warehouse) -> None:
    """Bring from the archive what the API left missing, and correct the summary by it.

    An API that stopped the run early has not said that anything is missing: that is tried again.
    """
    if not summary.missing or summary.stopped_by or not has_archive(job.venue, settings):
        return
    brought = fill_from_archive(job, summary.missing, settings, warehouse)
    summary.absent = [item for item in summary.absent if item.gap.reason != "missing"]
    summary.absent += brought.missing
    if brought.missing:
        # A file that cannot be believed is why, and is told by name.
        summary.stopped_by = brought.stopped_by
    summary.inserted += brought.inserted
    summary.corrected += brought.corrected
    summary.requests += brought.requests
    summary.failed_requests += brought.failed_requests
    summary.latencies_ms += brought.latencies_ms
    summary.seconds += brought.seconds


def _series(repair: Repair) -> list[tuple[str, tuple[str, ...]]]:
    """The candle lengths that miss something, each with its symbols."""
    found: dict[str, dict[str, None]] = {}
    for span in repair.spans:
        found.setdefault(span.interval, {})[span.symbol] = None
    return [(interval, tuple(symbols)) for interval, symbols in found.items()]


def _asked(repair: Repair, interval: str) -> Window:
    """From the first to the last missing moment of this length."""
    spans = [span.window for span in repair.spans if span.interval == interval]
    return Window(min(s.start for s in spans), max(s.end for s in spans))
