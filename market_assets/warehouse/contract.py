"""The values that cross the border of the warehouse; what every engine can do is in protocol.

A `Batch` is the unit of writing: everything known about some windows of one venue's dataset, put
into the store in one transaction, so that a reader sees all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from market_assets.schemas.datasets import Dataset
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import Window

if TYPE_CHECKING:
    import pyarrow as pa

# Why a row is absent. Only `missing` is ours to repair; the others are facts with evidence.
GapReason = Literal["no_trade", "venue_outage", "not_listed", "missing"]


@dataclass(frozen=True, slots=True)
class Gap:
    """An absent span of one series, why, and what that judgement rests on."""

    window: Window
    reason: GapReason
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeriesOutcome:
    """What a run found out about one window of one symbol.

    `complete` are the parts that need no further asking: each moment of them is stored, or absent
    for a reason other than `missing`. `gaps` replace whatever was recorded inside `window`.
    """

    symbol: str
    window: Window
    complete: tuple[Window, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that broke rules: kept out of the data, kept for people."""

    symbol: str
    timestamp: datetime | None
    reasons: tuple[str, ...]
    payload: str  # JSON, as near to what the venue sent as we have it


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A row of the quarantine, and what was decided about it."""

    quarantine_id: str
    venue: str
    dataset: str
    interval: str
    symbol: str
    timestamp: datetime | None
    reasons: tuple[str, ...]
    payload: str
    run_id: str
    quarantined_at: datetime
    status: str
    decided_at: datetime | None
    decided_because: str | None


class QuarantineFilters(TypedDict, total=False):
    """Which rows of the quarantine are meant; what is left out or empty is any."""

    venue: str
    dataset: str
    symbol: str
    status: str
    reason: str
    # By the row's own time, or by when it was rejected where its time could not be read.
    window: Window | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row of the quarantine, and why."""

    quarantine_id: str
    status: Literal["released", "dropped"]
    because: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything one transaction stores: rows, verdicts, rejects and the requests behind them."""

    venue: str
    dataset: Dataset
    interval: str  # "" where the dataset has none
    run_id: str
    rows: pa.Table  # canonical columns, validated, all of `venue`
    series: Sequence[SeriesOutcome] = ()
    quarantined: Sequence[QuarantinedRow] = ()
    requests: Sequence[RequestRecord] = ()
    decisions: Sequence[Decision] = ()  # on rows of the quarantine, those that `rows` release


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch changed."""

    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    quarantined: int = 0
    # From the first to the last moment whose row is new or corrected, the end not included.
    changed: Window | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """Moments whose rows or gaps a commit changed."""

    dataset: str
    window: Window
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Build:
    """A mart's days, built with every change that was committed before `built_from`."""

    model: str
    first_day: date
    last_day: date
    built_from: datetime


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One verdict of a check over a span of a table."""

    table_name: str
    check_name: str
    window: Window
    passed: bool
    severity: Literal["error", "warn"]
    is_blocking: bool
    findings: int = 0
    # From the first to the last moment of what it found; None when it found nothing with a time.
    found: Window | None = None
    sample: Sequence[Mapping[str, Any]] = ()  # the first of what it found
    run_id: str = ""
    checked_at: datetime | None = None  # the store says when


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """An absent span of one series that is ours to repair."""

    venue: str
    dataset: str
    interval: str
    symbol: str
    window: Window
    evidence: str = "{}"


@dataclass(frozen=True, slots=True)
class RepairAttempt:
    """One attempt to bring a missing span, or the giving up."""

    span: MissingSpan
    attempt: int
    outcome: Literal["started", "given_up"]
    detail: str
    attempted_at: datetime


@dataclass(frozen=True, slots=True)
class Maintained:
    """What a maintenance pass did to the store."""

    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rows_expired: int = 0
    # Files no longer needed by any reader that were removed from the disk.
    files_deleted: int = 0


@dataclass(frozen=True, slots=True)
class TableSize:
    """A stored table as the engine's own catalog counts it."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as data, so that callers ask for abilities and not for names."""

    name: str
    concurrent_readers: bool
    time_travel: bool
    needs_compaction: bool
    notes: tuple[str, ...] = field(default=())
