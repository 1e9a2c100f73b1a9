"""What is asked of the ingest, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from market_assets.errors import IntervalsMissing, MarketAssetsError, SymbolUnknown
from market_assets.schemas.timeline import INTERVALS, NO_TIME, Window, merge, to_text
from market_assets.warehouse.contract import Gap

# How many missing intervals a message names one by one; all of them are in ops.gaps.
NAMED_IN_MESSAGE = 50


@dataclass(frozen=True, slots=True)
class Job:
    """Bring one dataset of one venue up to date for some symbols over [start, end)."""

    venue: str
    dataset: str
    symbols: tuple[str, ...]
    window: Window
    interval: str = ""
    refresh: bool = False  # ask again for what is complete, to find late corrections
    run_id: str = ""

    def __str__(self) -> str:
        what = f"{self.dataset} {self.interval}".strip()
        return f"Ingesting {self.venue} {what} {self.window}"


@dataclass(frozen=True, slots=True)
class AbsentInterval:
    """One absent span of one symbol, with the judgement about it."""

    symbol: str
    gap: Gap

    def __str__(self) -> str:
        window = self.gap.window
        return f"{self.symbol} {to_text(window.start)} .. {to_text(window.end)} ({self.gap.reason})"


@dataclass(slots=True)
class Summary:
    """What a run did: the numbers people look at, and every absent interval by name."""

    job: Job
    # The window less what has not closed yet.
    due: Window = NO_TIME
    expected: int = 0  # candles that could exist in what was to do; 0 for event datasets
    already_complete: int = 0
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    quarantined: int = 0
    quarantine_reasons: Counter[str] = field(default_factory=Counter)
    absent: list[AbsentInterval] = field(default_factory=list)
    requests: int = 0
    weight: int = 0
    failed_requests: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    # What stopped the run early, if anything did; what was found until then is stored.
    stopped_by: MarketAssetsError | None = None
    # Symbols that the venue does not list: a misspelt one keeps nothing from the others.
    refused: SymbolUnknown | None = None

    @property
    def missing(self) -> list[AbsentInterval]:
        return [item for item in self.absent if item.gap.reason == "missing"]

    @property
    def complete(self) -> bool:
        return not self.missing and self.stopped_by is None and self.refused is None

    def gaps_by_reason(self) -> dict[str, int]:
        """Absent candles (spans, where the dataset has no grid) by reason."""
        step = INTERVALS.get(self.job.interval)
        counts: Counter[str] = Counter()
        for item in self.absent:
            counts[item.gap.reason] += item.gap.window.length // step if step else 1
        return dict(counts)

    def completeness_percent(self) -> float:
        """Of what could exist, how much is stored or rightly absent."""
        if not self.due:
            return 100.0
        symbols = max(1, len(self.job.symbols))
        missing = sum(item.gap.window.length for item in self.missing)
        return round(100.0 * (1 - missing / (self.due.length * symbols)), 4)

    def error_rate_percent(self) -> float:
        return round(100.0 * self.failed_requests / self.requests, 3) if self.requests else 0.0

    def latency_ms(self, percentile: float) -> float:
        if not self.latencies_ms:
            return 0.0
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percentile / 100))]

    def raise_if_incomplete(self) -> None:
        """Complete, or an error that names what is missing. What was found is stored either way."""
        if self.stopped_by is not None:
            self.stopped_by.facts["missing"] = [str(item) for item in self.missing]
            raise self.stopped_by
        if self.missing:
            raise IntervalsMissing(
                str(self.job),
                f"{len(self.missing)} intervals are missing:\n"
                + "\n".join(f"    {item}" for item in self.missing[:NAMED_IN_MESSAGE])
                + (
                    f"\n    ... and {len(self.missing) - NAMED_IN_MESSAGE} more in ops.gaps"
                    if len(self.missing) > NAMED_IN_MESSAGE
                    else ""
                ),
                "Everything found is stored; run the same command again to ask only for these",
                intervals=[str(item) for item in self.missing],
            )
        if self.refused is not None:
            raise self.refused


def joined_gaps(gaps: Sequence[Gap]) -> list[Gap]:
    """Touching gaps with the same judgement as one, in order of time."""
    by_judgement: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        by_judgement.setdefault((gap.reason, repr(gap.evidence)), []).append(gap)
    return sorted(
        (
            Gap(window, same[0].reason, same[0].evidence)
            for same in by_judgement.values()
            for window in merge(gap.window for gap in same)
        ),
        key=lambda gap: gap.window,
    )
