"""What a look at the platform saw. Every moment is aware of its time zone.

None in place of a collection means that it could not be seen: its rules then say unknown. An
empty collection means that it was seen and nothing was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

VerdictKey = tuple[str, str, str]  # rule, scope, member


@dataclass(frozen=True, slots=True)
class Series:
    """One venue, dataset, interval and symbol that the platform is told to collect."""

    venue: str
    dataset: str
    interval: str  # empty for funding
    symbol: str
    due_every: timedelta  # a candle's length; a settlement's interval
    newest_data_at: datetime | None = None  # close of the newest candle, newest settlement
    newest_ingestion_at: datetime | None = None
    listed_at: datetime | None = None
    delisted_at: datetime | None = None
    collect_from: datetime | None = None  # the venue's configured start
    collect_until: datetime | None = None  # first moment after its configured end
    # Since when it is collected, where that is known: a symbol added today owes nothing yet.
    wanted_since: datetime | None = None
    is_halted: bool = False  # the venue itself says that it does not trade now


@dataclass(frozen=True, slots=True)
class VenueAnswers:
    """How a venue answered within the window, and the last answers whenever they were."""

    venue: str
    requests: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)  # by outcome, all that are not ok
    p95_latency_ms: float | None = None
    last_ok_at: datetime | None = None  # also before the window
    last_failed_at: datetime | None = None
    failed_since_ok: Mapping[str, int] = field(default_factory=dict)  # by outcome, any age
    window_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class BucketUse:
    """How much of one request budget is in use."""

    name: str
    used: int
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class VenueGate:
    """A venue's traffic light as this machine's runs share it."""

    venue: str
    buckets: tuple[BucketUse, ...] = ()
    paused_until: datetime | None = None
    circuit_open_until: datetime | None = None  # None while it is closed
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DayCompleteness:
    """One UTC day of a series, counted in candles or settlements that have come due."""

    venue: str
    dataset: str
    interval: str
    symbol: str
    day: date
    expected: int
    present: int
    explained: int = 0  # no trade, an outage of the venue, not listed
    missing: int = 0  # asked for and not there: ours to repair
    unasked: int = 0  # nobody has asked for them yet


@dataclass(frozen=True, slots=True)
class CheckState:
    """The newest verdict of one check on one table."""

    table: str
    check: str
    severity: Literal["error", "warn"]
    passed: bool
    checked_at: datetime
    findings: int = 0
    sample: str = ""  # what it found first, in words


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that failed, and what became of the same work."""

    run_id: str
    job: str
    target: str  # assets and partitions, in a few words; empty for the whole job
    failed_at: datetime
    error: str = ""  # its first line
    succeeded_at: datetime | None = None  # the newest success of the same work
    will_retry: bool = False
    venue: str = ""  # whose data it was to bring, where that is known


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill that is in progress or has ended lately."""

    backfill_id: str
    target: str
    state: Literal["running", "succeeded", "failed", "canceled"]
    started_at: datetime
    ended_at: datetime | None = None
    last_progress_at: datetime | None = None
    done: int = 0
    total: int = 0
    failed_partitions: int = 0
    error: str = ""
    venue: str = ""
    is_made_good: bool = False  # what it left undone has been done since


@dataclass(frozen=True, slots=True)
class Ticker:
    """Something that has to tick by itself: a daemon by its heartbeat, a schedule, a sensor."""

    kind: Literal["daemon", "schedule", "sensor"]
    name: str
    is_on: bool = True
    on_since: datetime | None = None
    last_tick_at: datetime | None = None
    next_due_at: datetime | None = None  # of a schedule; else last tick plus due_every
    due_every: timedelta | None = None
    last_error: str = ""  # of the newest tick; empty when it went well


@dataclass(frozen=True, slots=True)
class StorageMoment:
    """How large the warehouse was once."""

    at: datetime
    bytes: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Storage:
    """The warehouse's size, and the disk that it is on."""

    bytes: int | None = None
    rows: int | None = None
    history: tuple[StorageMoment, ...] = ()
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None
    has_disk: bool = True  # False where no disk of ours can fill up


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a venue forgets: spans of a series that are wanted and not fetched yet."""

    venue: str
    dataset: str
    symbol: str
    keeps: timedelta  # how far back the venue still gives rows
    unfetched: tuple[tuple[datetime, datetime], ...] = ()  # [start, end), of any age


InstrumentField = Literal[
    "listed",
    "delisted",
    "status",
    "tick_size",
    "lot_size",
    "contract_size",
    "funding_interval_hours",
]


@dataclass(frozen=True, slots=True)
class InstrumentChange:
    """Something about a contract that is new since the look before."""

    venue: str
    symbol: str
    changed: InstrumentField
    old: str
    new: str
    seen_at: datetime
    # When the venue's instruments were first seen at all: what was listed then is no news.
    venue_known_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SpendLine:
    """Dollars of today by what they were for."""

    label: str
    asset: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Spend:
    """What was spent, by UTC day and month."""

    day: date
    today_dollars: float
    budget_dollars: float
    month_dollars: float = 0.0
    lines: tuple[SpendLine, ...] = ()
    is_released: bool = False
    released_because: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs that wait and runs in progress."""

    queued: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class PreviousLook:
    """The look before this one."""

    at: datetime
    interval: timedelta
    # What failed when it was last known, as `health.remembered` keeps it: a value must come back
    # beyond its limit by a margin to be fine, and what can't be seen now is not forgotten.
    failing: frozenset[VerdictKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that one look saw."""

    series: tuple[Series, ...] | None = None
    answers: tuple[VenueAnswers, ...] | None = None
    gates: tuple[VenueGate, ...] | None = None
    completeness: tuple[DayCompleteness, ...] | None = None
    checks: tuple[CheckState, ...] | None = None
    failed_runs: tuple[FailedRun, ...] | None = None
    backfills: tuple[Backfill, ...] | None = None
    tickers: tuple[Ticker, ...] | None = None
    queue: Queue | None = None
    storage: Storage | None = None
    horizons: tuple[Horizon, ...] | None = None
    instrument_changes: tuple[InstrumentChange, ...] | None = None
    spend: Spend | None = None
    previous: PreviousLook | None = None
    began_at: datetime | None = None  # the first look ever: a fresh install owes nothing yet
    resumed_at: datetime | None = None  # the first look after the newest hole between looks
    market: Any = None  # see health/market.py
