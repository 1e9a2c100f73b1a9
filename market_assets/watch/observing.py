"""What a look sees of the warehouse, the request gates and the disk, for health's evaluators."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from market_assets.health.observed import (
    DayCompleteness,
    Horizon,
    Observed,
    Series,
    Storage,
    VenueGate,
)
from market_assets.schemas.datasets import FUNDING_RATES
from market_assets.schemas.timeline import (
    DAY_MS,
    HOUR_MS,
    INTERVALS,
    Window,
    floor_to,
    subtract,
    to_datetime,
    to_ms,
)
from market_assets.venues.registry import VENUES
from market_assets.warehouse.opening import disk_of
from market_assets.watch.completeness import Ledger, day_completeness, series_key
from market_assets.watch.facts import FactReader, Facts
from market_assets.watch.gates import GATES_FILE, venue_gates
from market_assets.watch.memory import Memory
from market_assets.watch.store import HeldWarehouse
from market_assets.watch.stored_series import SeriesKey, wanted_series
from market_assets.watch.tables import disk_space

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.contract import TableSize
    from market_assets.warehouse.protocol import Warehouse

# Where a venue has not said how often it settles: what most contracts do.
_FUNDING_HOURS = 8.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen, and what could not be, with the reason."""

    observed: Observed
    memory: Memory
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Made:
    """What is made of facts, and of which; 500 symbols of three venues cost 0.3 s of CPU."""

    facts: Facts
    due_at: int
    wanted: Mapping[str, datetime | None]
    series: tuple[Series, ...] | None
    completeness: tuple[DayCompleteness, ...] | None
    horizons: tuple[Horizon, ...] | None


class Observer:
    """The eyes of one installation in one process: they keep what has not changed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._held = HeldWarehouse(settings)
        self._reader = FactReader(settings, self._held)
        self._last_made: _Made | None = None

    def observe(self, now: datetime, memory: Memory) -> Sight:
        """Everything but what Dagster knows. What cannot be seen is None, with a reason."""
        facts = self._reader.read(now)
        problems = dict(facts.problems)
        wanted = wanted_series(self.settings)
        memory = memory.with_wanted([" ".join(key) for key in wanted], now)
        if facts.tables is not None:
            memory = memory.with_size(now, *_size(facts.tables))
        kept = self._made(wanted, facts, memory, to_ms(now))
        observed = Observed(
            series=kept.series,
            answers=facts.answers,
            gates=self._gates(problems),
            completeness=kept.completeness,
            checks=facts.checks,
            instrument_changes=facts.changes,
            horizons=kept.horizons,
            storage=self._storage(facts, memory, problems),
            market=facts.market,
            spend=facts.spend,
            began_at=memory.began_at,
            resumed_at=memory.resumed_at,
        )
        return Sight(observed, memory, problems)

    @property
    def has_warehouse(self) -> bool:
        """Whether anything was ever stored."""
        return self._held.exists

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        """The warehouse that is held open."""
        with self._held.opened() as warehouse:
            yield warehouse

    def close(self) -> None:
        self._held.close()

    # -- inside

    def _made(self, wanted: list[SeriesKey], facts: Facts, memory: Memory, now: int) -> _Made:
        """What is made of the facts: anew when they are, or when another candle has come due."""
        step = min((INTERVALS.get(key.interval, HOUR_MS) for key in wanted), default=HOUR_MS)
        due_at = floor_to(now, min(step, HOUR_MS))
        made = self._last_made
        if (
            made is None
            or made.facts is not facts
            or made.due_at != due_at
            or made.wanted != memory.wanted
        ):
            series = self._series(wanted, facts, memory)
            made = _Made(
                facts,
                due_at,
                memory.wanted,
                series,
                self._completeness(series, facts, now),
                _horizons(series, facts, now),
            )
            self._last_made = made
        return made

    def _series(
        self, wanted: list[SeriesKey], facts: Facts, memory: Memory
    ) -> tuple[Series, ...] | None:
        if facts.stored is None:
            return None
        known = memory.wanted
        return tuple(series_of(self.settings, key, facts, known[" ".join(key)]) for key in wanted)

    def _gates(self, problems: dict[str, str]) -> tuple[VenueGate, ...] | None:
        try:
            return venue_gates(self.settings, self.settings.state_dir / GATES_FILE)
        except sqlite3.Error as error:
            problems["request budgets"] = str(error)
            return None

    def _completeness(
        self, series: tuple[Series, ...] | None, facts: Facts, now: int
    ) -> tuple[DayCompleteness, ...] | None:
        if series is None or facts.absent is None or facts.covered is None:
            return None
        days = self.settings.alerts.limits.completeness_days
        first = floor_to(now, DAY_MS) - (days - 1) * DAY_MS
        found: list[DayCompleteness] = []
        for one in series:
            key = series_key(one)
            stored = facts.stored.get(key) if facts.stored else None
            ledger = Ledger(
                rows_by_day=stored.rows_by_day if stored else {},
                absences=facts.absent.get(key, ()),
                covered=facts.covered.get(key, ()),
            )
            found += day_completeness(one, ledger, first, now)
        return tuple(found)

    def _storage(self, facts: Facts, memory: Memory, problems: dict[str, str]) -> Storage:
        free = total = None
        disk = disk_of(self.settings)
        try:
            free, total = disk_space(disk) if disk is not None else (None, None)
        except OSError as error:
            problems["the disk"] = str(error)
        size, rows = (None, None) if facts.tables is None else _size(facts.tables)
        return Storage(size, rows, memory.history, free, total, has_disk=disk is not None)


def series_of(
    settings: Settings, key: SeriesKey, facts: Facts, wanted_since: datetime | None
) -> Series:
    """One series as it is wanted, listed and stored."""
    options = settings.venue(key.venue)
    stored = (facts.stored or {}).get(key)
    listing = (facts.listed or {}).get((key.venue, key.symbol))
    step = INTERVALS.get(key.interval)
    hours = listing.funding_interval_hours if listing else None
    due_every = timedelta(milliseconds=step) if step else timedelta(hours=hours or _FUNDING_HOURS)
    return Series(
        venue=key.venue,
        dataset=key.dataset,
        interval=key.interval,
        symbol=key.symbol,
        due_every=due_every,
        # A candle says something new when it closes, and not when it opens.
        newest_data_at=to_datetime(stored.newest + (step or 0)) if stored else None,
        newest_ingestion_at=to_datetime(stored.ingested) if stored else None,
        listed_at=listing.listed_at if listing else None,
        delisted_at=listing.delisted_at if listing else None,
        is_halted=listing.is_halted if listing else False,
        collect_from=_midnight(options.start),
        collect_until=_midnight(options.end + _DAY) if options.end else None,
        wanted_since=wanted_since,
    )


def _size(tables: Mapping[str, TableSize]) -> tuple[int, int]:
    return sum(table.bytes for table in tables.values()), sum(
        table.rows for table in tables.values()
    )


def _horizons(
    series: tuple[Series, ...] | None, facts: Facts, now: int
) -> tuple[Horizon, ...] | None:
    """What is wanted of a forgetful venue's funding and not covered yet."""
    if series is None or facts.covered is None:
        return None
    found = []
    for one in series:
        keeps = VENUES[one.venue].limits.funding_history_ms
        if one.dataset != FUNDING_RATES.name or keeps is None:
            continue
        begins = max((to_ms(at) for at in (one.collect_from, one.listed_at) if at), default=now)
        ends = min([now, *(to_ms(at) for at in (one.delisted_at, one.collect_until) if at)])
        wanted = [Window(begins, ends)] if begins < ends else []
        left = subtract(wanted, facts.covered.get(series_key(one), ()))
        spans = tuple((to_datetime(w.start), to_datetime(w.end)) for w in left)
        found.append(
            Horizon(one.venue, one.dataset, one.symbol, timedelta(milliseconds=keeps), spans)
        )
    return tuple(found)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
