"""What a look saw, as Prometheus' gauges: base units, and labels whose values are configured.

What could not be seen has no gauge: a gap in a graph is honest, a zero is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from market_assets.health.look import Look
from market_assets.health.observed import Observed
from market_assets.health.policy import Policy
from market_assets.watch.snapshot import Gauge

# Every gauge of a look, with what it says: Prometheus and docs/reference/metrics.md show it.
LOOK_GAUGES: Mapping[str, str] = {
    "market_assets_data_age_seconds": "Age of the newest row of a series, by its own time",
    "market_assets_ingestion_age_seconds": "Age of the newest row of a series, by its storing",
    "market_assets_completeness_ratio": "Share of the watched days' due rows there or explained",
    "market_assets_missing_rows": "Rows of the watched days that are absent and ours to repair",
    "market_assets_unasked_rows": "Rows of the watched days that nobody has asked for yet",
    "market_assets_recent_requests": "Requests within the window of alerts.limits",
    "market_assets_recent_failed_requests": "Of these, failed ones by outcome",
    "market_assets_error_ratio": "Of these, the share that failed",
    "market_assets_request_latency_p95_seconds": "95th percentile of their time",
    "market_assets_request_budget_used_ratio": "Share of a venue's request budget that is in use",
    "market_assets_venue_paused": "1 while the venue has us wait, or its circuit breaker is open",
    "market_assets_failed_checks": "Asset checks whose newest verdict is a failure",
    "market_assets_failed_runs": "Failed runs that no later success has made good",
    "market_assets_backfills": "Backfills that are in progress or ended lately",
    "market_assets_runs": "Runs that wait, and runs in progress",
    "market_assets_tick_age_seconds": "Time since a daemon, schedule or sensor last ticked",
    "market_assets_warehouse_bytes": "Size of the warehouse",
    "market_assets_warehouse_rows": "Rows in the warehouse",
    "market_assets_disk_free_bytes": "Space left on the warehouse's disk",
    "market_assets_disk_size_bytes": "Size of that disk",
    "market_assets_spend_today_dollars": "What today's statements cost (UTC)",
    "market_assets_spend_month_dollars": "What this month's statements cost up to now",
    "market_assets_daily_budget_dollars": "What a day may cost",
    "market_assets_spend_today_by_label_dollars": "Today's cost by what the statements were for",
}


def gauges(observed: Observed, now: datetime) -> list[Gauge]:
    """Every number of one look; a name and its labels are there once."""
    parts = (
        _ages(observed, now),
        _completeness(observed),
        _answers(observed),
        _gates(observed, now),
        _work(observed),
        _ticks(observed, now),
        _storage(observed),
        _spend(observed),
    )
    found = {(one.name, *sorted(one.labels.items())): one for part in parts for one in part}
    return list(found.values())


def _gauge(short: str, value: float, **labels: str) -> Gauge:
    return Gauge(f"market_assets_{short}", float(value), labels)


def _ages(observed: Observed, now: datetime) -> Iterator[Gauge]:
    # A delisted symbol, or one that was told to end, would look older every day.
    for age in Look(observed, Policy(), now).ages or ():
        if age.phase != "owed":
            continue
        one = age.series
        labels = {
            "venue": one.venue,
            "dataset": one.dataset,
            "interval": one.interval,
            "symbol": one.symbol,
        }
        yield _gauge("data_age_seconds", age.data.total_seconds(), **labels)
        if one.newest_ingestion_at is not None:
            yield _gauge("ingestion_age_seconds", age.ingestion.total_seconds(), **labels)


def _completeness(observed: Observed) -> Iterator[Gauge]:
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for day in observed.completeness or ():
        total = sums[day.venue, day.dataset, day.interval]
        for place, count in enumerate((day.expected, day.missing, day.unasked)):
            total[place] += count
    for (venue, dataset, interval), (expected, missing, unasked) in sums.items():
        labels = {"venue": venue, "dataset": dataset, "interval": interval}
        if expected:
            absent = min(1.0, (missing + unasked) / expected)
            yield _gauge("completeness_ratio", 1 - absent, **labels)
        yield _gauge("missing_rows", missing, **labels)
        yield _gauge("unasked_rows", unasked, **labels)


def _answers(observed: Observed) -> Iterator[Gauge]:
    for one in observed.answers or ():
        yield _gauge("recent_requests", one.requests, venue=one.venue)
        for outcome, count in one.failed.items():
            yield _gauge("recent_failed_requests", count, venue=one.venue, outcome=outcome)
        if one.requests:
            ratio = sum(one.failed.values()) / one.requests
            yield _gauge("error_ratio", ratio, venue=one.venue)
        if one.p95_latency_ms is not None:
            seconds = one.p95_latency_ms / 1000
            yield _gauge("request_latency_p95_seconds", seconds, venue=one.venue)


def _gates(observed: Observed, now: datetime) -> Iterator[Gauge]:
    for gate in observed.gates or ():
        for bucket in gate.buckets:
            if bucket.limit:
                used = bucket.used / bucket.limit
                yield _gauge(
                    "request_budget_used_ratio", used, venue=gate.venue, bucket=bucket.name
                )
        waits = (gate.paused_until, gate.circuit_open_until)
        is_paused = any(until is not None and until > now for until in waits)
        yield _gauge("venue_paused", is_paused, venue=gate.venue)


def _work(observed: Observed) -> Iterator[Gauge]:
    if observed.checks is not None:
        failed = [one.severity for one in observed.checks if not one.passed]
        for severity in ("error", "warn"):
            yield _gauge("failed_checks", failed.count(severity), severity=severity)
    if observed.failed_runs is not None:
        lasting = [
            run
            for run in observed.failed_runs
            if not run.will_retry and (run.succeeded_at is None or run.succeeded_at < run.failed_at)
        ]
        yield _gauge("failed_runs", len(lasting))
    if observed.backfills is not None:
        states = [one.state for one in observed.backfills]
        for state in ("running", "succeeded", "failed", "canceled"):
            yield _gauge("backfills", states.count(state), state=state)
    if observed.queue is not None:
        yield _gauge("runs", observed.queue.queued, state="queued")
        yield _gauge("runs", observed.queue.running, state="running")


def _ticks(observed: Observed, now: datetime) -> Iterator[Gauge]:
    for one in observed.tickers or ():
        if one.is_on and one.last_tick_at is not None:
            seconds = max(0.0, (now - one.last_tick_at).total_seconds())
            yield _gauge("tick_age_seconds", seconds, kind=one.kind, name=one.name)


def _storage(observed: Observed) -> Iterator[Gauge]:
    if observed.storage is None:
        return
    numbers = {
        "warehouse_bytes": observed.storage.bytes,
        "warehouse_rows": observed.storage.rows,
        "disk_free_bytes": observed.storage.disk_free_bytes,
        "disk_size_bytes": observed.storage.disk_total_bytes,
    }
    for short, number in numbers.items():
        if number is not None:
            yield _gauge(short, number)


def _spend(observed: Observed) -> Iterator[Gauge]:
    if observed.spend is None:
        return
    yield _gauge("spend_today_dollars", observed.spend.today_dollars)
    yield _gauge("spend_month_dollars", observed.spend.month_dollars)
    yield _gauge("daily_budget_dollars", observed.spend.budget_dollars)
    by_label: dict[str, float] = defaultdict(float)
    for line in observed.spend.lines:
        by_label[line.label] += line.dollars
    for label, dollars in by_label.items():
        yield _gauge("spend_today_by_label_dollars", dollars, label=label)
