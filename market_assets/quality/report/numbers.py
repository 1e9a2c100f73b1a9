"""What a report says, as values: the JSON has them as they are, the page shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from market_assets.quality.report.score import Parts


@dataclass(frozen=True, slots=True)
class SymbolDay:
    """One symbol's candles of one day; a share of 1 has every candle, or knows why not."""

    day: date
    expected: int
    present: int
    rightly_absent: int
    missing: int

    @property
    def known(self) -> int:
        """Of the expected ones, those that are there or that nobody could have."""
        return min(self.expected, self.present + self.rightly_absent)

    @property
    def completeness(self) -> float | None:
        return self.known / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class SymbolFacts:
    """One symbol of one venue: its days, the hours of the reported day, and its score."""

    venue: str
    symbol: str
    days: tuple[SymbolDay, ...]
    hours: tuple[str, ...]  # a state for each hour of the day
    parts: Parts
    score: float | None


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """One venue's requests of the day against what is allowed, and its score."""

    venue: str
    score: float | None
    requests: int
    errors: int
    error_rate: float | None
    error_budget_used: float | None  # 1: as many requests failed as may fail
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    is_slow: bool


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """The latest verdict of one check on one table."""

    table: str
    check: str
    passed: bool
    severity: str
    findings: int
    sample: tuple[str, ...]
    window: str
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CorrectionFacts:
    """The rows of one symbol that were corrected on the day."""

    venue: str
    dataset: str
    symbol: str
    rows: int
    largest_change: float | None  # of the close or the funding rate, as a share of the old
    largest_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuarantineFacts:
    """Rows that broke the same rules."""

    venue: str
    dataset: str
    reasons: str
    status: str
    rows: int
    of_the_day: int


@dataclass(frozen=True, slots=True)
class RepairFacts:
    """One attempt of the day to bring what is missing, or the giving up."""

    venue: str
    dataset: str
    interval: str
    symbol: str
    span: str
    attempt: int
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class AnomalyFacts:
    """A candle of the day that is far from what its symbol does."""

    venue: str
    symbol: str
    timestamp: datetime
    return_score: float | None
    volume_score: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is known of a day's quality."""

    day: date
    made_at: datetime
    score: float | None
    venues: tuple[VenueFacts, ...]
    symbols: tuple[SymbolFacts, ...]
    checks: tuple[CheckFacts, ...] = ()
    corrections: tuple[CorrectionFacts, ...] = ()
    quarantine: tuple[QuarantineFacts, ...] = ()
    repairs: tuple[RepairFacts, ...] = ()
    still_missing: int = 0  # spans, whatever day they are of
    anomalies: tuple[AnomalyFacts, ...] | None = None  # None: there is no such mart
    thresholds: dict[str, float] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nothing is stored, and nothing was asked for."""
        return self.score is None and not any(venue.requests for venue in self.venues)

    @property
    def failing(self) -> tuple[CheckFacts, ...]:
        return tuple(check for check in self.checks if not check.passed)
