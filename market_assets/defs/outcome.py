"""What a run of one asset came to: complete or not, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from market_assets.defs.partitions import candles_of
from market_assets.errors import MarketAssetsError
from market_assets.ingest.job import NAMED_IN_MESSAGE, Summary
from market_assets.schemas.datasets import DATASETS
from market_assets.schemas.timeline import (
    HOUR_MS,
    INTERVALS,
    Window,
    floor_to,
    merge,
    subtract,
    to_text,
)
from market_assets.warehouse.protocol import Warehouse

GAP_REASONS = ("no_trade", "venue_outage", "not_listed", "missing")


@dataclass(slots=True)
class Outcome:
    """The summaries of a run's jobs (one for each candle length), and what ended it early."""

    hours: Window
    summaries: list[Summary] = field(default_factory=list)
    error: MarketAssetsError | None = None

    @property
    def complete(self) -> bool:
        return self.stopped_by is None and not self.missing and not self.not_closed

    @property
    def stopped_by(self) -> MarketAssetsError | None:
        found = (summary.stopped_by or summary.refused for summary in self.summaries)
        return self.error or next((error for error in found if error is not None), None)

    @property
    def missing(self) -> list[str]:
        return [
            f"{summary.job.interval} {item}".strip()
            for summary in self.summaries
            for item in summary.missing
        ]

    @property
    def not_closed(self) -> list[Window]:
        """What of the asked hours had not ended yet by the venue's clock."""
        left = (
            Window(
                max(floor_to(summary.due.end, HOUR_MS), summary.job.window.start),
                summary.job.window.end,
            )
            for summary in self.summaries
            if summary.due.end < summary.job.window.end and summary.job.dataset != "instruments"
        )
        return merge(left)

    @property
    def retryable(self) -> bool:
        """Whether the same run can succeed later. Missing intervals can: the venue may answer."""
        return self.stopped_by is None or self.stopped_by.retryable

    def numbers(self) -> dict[str, int | float]:
        """What Dagster plots over time; the names are those of the columns people ask for."""
        every = self.summaries
        joined = _joined_requests(every)
        gaps: Counter[str] = Counter()
        for summary in every:
            gaps.update(summary.gaps_by_reason())
        completeness = [summary.completeness_percent() for summary in every]
        failed = self.error is not None or not every
        return {
            "rows_inserted": sum(summary.inserted for summary in every),
            "rows_corrected": sum(summary.corrected for summary in every),
            "rows_unchanged": sum(summary.unchanged for summary in every),
            "rows_quarantined": sum(summary.quarantined for summary in every),
            "points_complete_before": sum(summary.already_complete for summary in every),
            "requests": joined.requests,
            "weight": joined.weight,
            "latency_ms_p50": joined.latency_ms(50),
            "latency_ms_p95": joined.latency_ms(95),
            "latency_ms_p99": joined.latency_ms(99),
            "error_rate_percent": joined.error_rate_percent(),
            **{f"gaps_{reason}": gaps[reason] for reason in GAP_REASONS},
            "completeness_percent": 0.0 if failed else min(completeness),
            "ingest_seconds": round(sum(summary.seconds for summary in every), 3),
        }

    def explained(self, done: int, asked: int) -> str:
        """Why the run failed, the missing intervals by name, and what to do."""
        said: list[str] = []
        if self.stopped_by is not None:
            said.append(str(self.stopped_by))
        if self.not_closed:
            windows = ", ".join(
                f"{to_text(window.start)} .. {to_text(window.end)}" for window in self.not_closed
            )
            said.append(f"Not closed yet by the venue's clock: {windows} UTC")
        missing = self.missing
        if missing:
            said.append(f"{len(missing)} intervals are missing:")
            said += [f"    {item}" for item in missing[:NAMED_IN_MESSAGE]]
            if len(missing) > NAMED_IN_MESSAGE:
                said.append(f"    ... and {len(missing) - NAMED_IN_MESSAGE} more in ops.gaps")
        said.append(
            f"  -> Everything found is stored, and {done} of {asked} partitions are complete."
            " Re-execute from failure, or backfill missing and failed partitions:"
            " only what is missing is asked for again."
        )
        return "\n".join(said)


def _joined_requests(summaries: Sequence[Summary]) -> Summary:
    """All requests as if one job had made them, for percentiles over all of them."""
    if len(summaries) == 1:
        return summaries[0]
    # Of the joined one only the counts are read, never the job.
    joined = Summary(summaries[0].job) if summaries else Summary(None)  # type: ignore[arg-type]
    for summary in summaries:
        joined.requests += summary.requests
        joined.weight += summary.weight
        joined.failed_requests += summary.failed_requests
        joined.latencies_ms += summary.latencies_ms
    return joined


def complete_hours(
    warehouse: Warehouse,
    venue: str,
    dataset: str,
    symbols: Sequence[str],
    intervals: Sequence[str],
    hours: Window,
) -> list[int]:
    """The hours for which nothing is left to ask, by the warehouse's own record.

    The record says it after any end of a run: incomplete, failed or cancelled.
    """
    open_windows: list[Window] = []
    for interval in intervals:
        window = candles_of(hours, interval) if interval else hours
        covered = warehouse.covered(venue, DATASETS[dataset], interval, symbols, window)
        for known in covered.values():
            open_windows += _closing_hours(subtract([window], known), interval)
    unfinished = merge(open_windows)
    return [
        hour
        for hour in hours.grid(HOUR_MS)
        if not any(window.overlaps(Window(hour, hour + HOUR_MS)) for window in unfinished)
    ]


def _closing_hours(windows: Iterable[Window], interval: str) -> list[Window]:
    """The hours to which absent candles belong: those in which they close."""
    step = INTERVALS.get(interval, HOUR_MS)
    if step <= HOUR_MS:
        return list(windows)
    return [
        Window(opened + step - HOUR_MS, opened + step)
        for window in windows
        for opened in Window(floor_to(window.start, step), window.end).grid(step)
    ]
