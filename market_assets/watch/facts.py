"""What the warehouse says, read once and kept until somebody writes to it.

Some ten small statements over the recent days, aggregated by the store: 0.3 s of CPU after a
commit, nothing while nobody writes. What depends on the time of the look (ages, what
is due by now) is made from these facts by `observing`, at every look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from market_assets.errors import MarketAssetsError
from market_assets.health.market import MarketValue
from market_assets.health.observed import CheckState, InstrumentChange, Spend, VenueAnswers
from market_assets.schemas.timeline import DAY_MS, MINUTE_MS, Window, floor_to, to_datetime, to_ms
from market_assets.venues.registry import VENUES
from market_assets.watch.answers import venue_answers
from market_assets.watch.checks_seen import check_states
from market_assets.watch.listings import Listing, instrument_changes, listings
from market_assets.watch.market import MarketLook
from market_assets.watch.recorded import Absence, absences, covered_funding
from market_assets.watch.spending import spending
from market_assets.watch.store import HeldWarehouse
from market_assets.watch.stored_series import SeriesKey, StoredSeries, stored_series, wanted_series

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.contract import TableSize
    from market_assets.warehouse.protocol import Warehouse

T = TypeVar("T")

# What it is called where all of it cannot be seen, and where others only hold it for a moment.
WAREHOUSE = "the warehouse"
BUSY = "the busy warehouse"

# The newest row is looked for so far back by day; only series without one are asked for the rest.
RECENT_DAYS = 3
# A window of requests that slides on over a warehouse at rest is read again in so many steps.
_STEPS_OF_WINDOW = 12


@dataclass(slots=True)
class Facts:
    """None is what could not be read; why is in `problems`."""

    since: int  # the first moment of the days that were counted
    tables: Mapping[str, TableSize] | None = None
    stored: Mapping[SeriesKey, StoredSeries] | None = None
    listed: Mapping[tuple[str, str], Listing] | None = None
    absent: Mapping[SeriesKey, list[Absence]] | None = None
    covered: Mapping[SeriesKey, list[Window]] | None = None
    checks: tuple[CheckState, ...] | None = None
    changes: tuple[InstrumentChange, ...] | None = None
    answers: tuple[VenueAnswers, ...] | None = None
    market: tuple[MarketValue, ...] | None = None
    spend: Spend | None = None
    problems: dict[str, str] = field(default_factory=dict)


class FactReader:
    """Reads the facts of one installation, when they can have changed."""

    def __init__(self, settings: Settings, held: HeldWarehouse) -> None:
        self._settings = settings
        self._held = held
        self._facts: Facts | None = None
        self._key: tuple[int, int] | None = None
        self._answers_read_at = 0
        self._market = MarketLook(settings.alerts.market)

    def read(self, now: datetime) -> Facts:
        """The facts as of the last commit."""
        now_ms = to_ms(now)
        # Before reading: what is committed meanwhile is read again by the next look.
        key = self._key_of(now_ms)
        if self._facts is None or key is None or key != self._key:
            self._facts = self._read_all(now_ms)
            # What could not be read is tried again, whether anybody writes or not.
            self._key = key if not self._facts.problems else None
            self._answers_read_at = now_ms
        elif self._answers_have_aged(now_ms):
            self._read_answers(self._facts, now_ms)
        return self._facts

    def _key_of(self, now_ms: int) -> tuple[int, int] | None:
        """What the facts depend on; None where the store does not answer: reading says why."""
        try:
            return self._held.written_at, floor_to(now_ms, DAY_MS)
        except MarketAssetsError:
            return None

    def _read_answers(self, facts: Facts, now_ms: int) -> None:
        try:
            with self._held.opened() as warehouse:
                facts.answers = venue_answers(warehouse, self._window_ms, now_ms)
        except Exception as error:
            # Nobody has written, so that it was well a while ago: the next look reads it all.
            facts.answers = None
            facts.problems["requests"] = str(error) or type(error).__name__
            self._key = None
        self._answers_read_at = now_ms

    @property
    def _window_ms(self) -> int:
        return self._settings.alerts.limits.error_window_minutes * MINUTE_MS

    def _answers_have_aged(self, now_ms: int) -> bool:
        answers = self._facts.answers if self._facts else None
        if not any(one.requests for one in answers or ()):
            return False
        return now_ms - self._answers_read_at >= self._window_ms // _STEPS_OF_WINDOW

    def _read_all(self, now_ms: int) -> Facts:
        limits = self._settings.alerts.limits
        days = max(RECENT_DAYS, limits.completeness_days)
        facts = Facts(since=floor_to(now_ms, DAY_MS) - (days - 1) * DAY_MS)
        try:
            with self._held.opened() as warehouse:
                self._fill(facts, warehouse, now_ms)
        except Exception as error:
            is_busy = isinstance(error, MarketAssetsError) and error.retryable
            facts.problems[BUSY if is_busy else WAREHOUSE] = str(error) or type(error).__name__
        return facts

    def _fill(self, facts: Facts, warehouse: Warehouse, now_ms: int) -> None:
        settings = self._settings
        venues = list(settings.enabled_venues)
        wanted = wanted_series(settings)
        forgetful = [v for v in venues if VENUES[v].limits.funding_history_ms is not None]
        news = timedelta(hours=settings.alerts.limits.instrument_hours) // timedelta(milliseconds=1)

        def part(name: str, read: Callable[[], T]) -> T | None:
            """One part that cannot be read keeps none of the others from being seen."""
            try:
                return read()
            except Exception as error:
                facts.problems[name] = str(error) or type(error).__name__
                return None

        # The first statement opens the store. If that fails, so would each of the others, and every
        # attempt to open costs a second of CPU.
        facts.tables = tables = warehouse.table_sizes()
        facts.stored = part(
            "stored rows", lambda: stored_series(warehouse, wanted, tables, facts.since)
        )
        facts.listed = part("instruments", lambda: listings(warehouse, venues, tables))
        facts.changes = part(
            "changes of instruments",
            lambda: instrument_changes(warehouse, venues, tables, now_ms - news),
        )
        facts.absent = part("gaps", lambda: absences(warehouse, wanted, facts.since))
        facts.covered = part("coverage", lambda: covered_funding(warehouse, forgetful, facts.since))
        facts.checks = part("checks", lambda: check_states(warehouse, settings, now_ms))
        facts.answers = part("requests", lambda: venue_answers(warehouse, self._window_ms, now_ms))
        facts.market = part(
            "market values",
            lambda: self._market.values(warehouse, self._held.written_at, to_datetime(now_ms)),
        )
        moment = to_datetime(now_ms)
        facts.spend = part("spending", lambda: spending(settings, warehouse, moment))
