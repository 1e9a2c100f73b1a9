"""What the ledgers of the warehouse say of a day: checks, corrections, quarantine, requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from market_assets.quality.expectations.stored import Stored
from market_assets.quality.report.numbers import (
    AnomalyFacts,
    CheckFacts,
    CorrectionFacts,
    QuarantineFacts,
    RepairFacts,
)
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import INTERVALS, Window, to_ms

if TYPE_CHECKING:
    from market_assets.warehouse.protocol import Warehouse

# A check that has not run for so long says nothing about today.
_CHECKS_OF = timedelta(days=7)
_MOST_ANOMALIES = 20
_PERCENTILES = (0.5, 0.95, 0.99)
_JUDGED_BY = ("close", "funding_rate")


def checks(warehouse: Warehouse, now: datetime) -> tuple[CheckFacts, ...]:
    """The latest verdict of each check on each table: errors first, then what is odd."""
    latest = {
        (result.table_name, result.check_name): result
        for result in warehouse.check_results(now - _CHECKS_OF)
    }
    found = [
        CheckFacts(
            result.table_name,
            result.check_name,
            result.passed,
            result.severity,
            result.findings,
            tuple(_told(one) for one in result.sample),
            str(result.window),
            result.checked_at,
        )
        for result in latest.values()
    ]
    return tuple(sorted(found, key=lambda c: (c.passed, c.severity != "error", c.table, c.check)))


def first_asked(warehouse: Warehouse) -> dict[tuple[str, str, str], int]:
    """Series -> the first moment that anybody asked for: history before it is not due yet."""
    rows = warehouse.ask(
        'SELECT venue, symbol, "interval", epoch_ms(min(asked)) AS first FROM ('
        ' SELECT venue, symbol, "interval", window_start AS asked FROM ops.coverage'
        f" WHERE dataset = '{OHLCV.name}' UNION ALL"
        ' SELECT venue, symbol, "interval", gap_start FROM ops.gaps'
        f" WHERE dataset = '{OHLCV.name}') GROUP BY ALL"
    ).to_pylist()
    return {(row["venue"], row["symbol"], row["interval"]): row["first"] for row in rows}


def corrections(of_day: Stored) -> tuple[CorrectionFacts, ...]:
    """Which symbols' rows were corrected, and by how much at most."""
    rows = of_day.warehouse.ask(
        "SELECT venue, dataset, symbol, timestamp, old_values, new_values FROM ops.revisions"
        f" WHERE {of_day.within('revised_at')}"
    ).to_pylist()
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["venue"], row["dataset"], row["symbol"]), []).append(row)
    found = []
    for (venue, dataset, symbol), group in groups.items():
        changes = [(change, row["timestamp"]) for row in group if (change := _change(row))]
        largest, moment = max(changes, key=lambda one: one[0], default=(None, None))
        found.append(CorrectionFacts(venue, dataset, symbol, len(group), largest, moment))
    return tuple(sorted(found, key=lambda one: (-(one.largest_change or 0), one.venue, one.symbol)))


def quarantine(of_day: Stored) -> tuple[QuarantineFacts, ...]:
    """Rows by what they broke and what was decided, and how many of them came on the day."""
    rows = of_day.warehouse.ask(
        "SELECT venue, dataset, reasons, status, count(*) AS n,"
        f" count(CASE WHEN {of_day.within('quarantined_at')} THEN 1 END) AS of_the_day"
        " FROM raw.quarantine GROUP BY venue, dataset, reasons, status"
        " ORDER BY status, n DESC, venue, dataset, reasons"
    ).to_pylist()
    return tuple(
        QuarantineFacts(
            row["venue"],
            row["dataset"],
            row["reasons"],
            row["status"],
            row["n"],
            row["of_the_day"],
        )
        for row in rows
    )


def repairs(warehouse: Warehouse, day: Window) -> tuple[RepairFacts, ...]:
    """What was tried on the day to bring what is missing."""
    return tuple(
        RepairFacts(
            tried.span.venue,
            tried.span.dataset,
            tried.span.interval,
            tried.span.symbol,
            str(tried.span.window),
            tried.attempt,
            tried.outcome,
            tried.detail,
        )
        for tried in warehouse.repairs()
        if to_ms(tried.attempted_at) in day
    )


def anomalies(of_day: Stored) -> tuple[AnomalyFacts, ...] | None:
    """The day's oddest candles; None where the mart has not been built."""
    if "marts.anomalies_hourly" not in of_day.tables:
        return None
    rows = of_day.warehouse.ask(
        "SELECT venue, symbol, timestamp, return_score, volume_score FROM marts.anomalies_hourly"
        f" WHERE {of_day.within('timestamp')} AND (is_return_anomaly OR is_volume_anomaly)"
        " ORDER BY greatest(abs(coalesce(return_score, 0)), abs(coalesce(volume_score, 0))) DESC,"
        f" venue, symbol, timestamp LIMIT {_MOST_ANOMALIES}"
    ).to_pylist()
    return tuple(AnomalyFacts(**row) for row in rows)


@dataclass(frozen=True, slots=True)
class Asked:
    """A venue's requests: how many, how many failed, and how long the answers took."""

    requests: int
    errors: int
    latencies: tuple[float | None, float | None, float | None]  # p50, p95, p99


NOT_ASKED = Asked(0, 0, (None, None, None))


def requests(of_day: Stored) -> dict[str, Asked]:
    """Every venue that was asked on the day."""
    import pyarrow.compute as pc

    table = of_day.warehouse.ask(
        f"SELECT venue, outcome, latency_ms FROM ops.requests WHERE {of_day.within('requested_at')}"
    )
    found = {}
    for venue in pc.unique(table.column("venue")).to_pylist():
        own = table.filter(pc.equal(table.column("venue"), venue))
        failed = pc.sum(pc.not_equal(own.column("outcome"), "ok")).as_py()
        p50, p95, p99 = pc.quantile(own.column("latency_ms"), list(_PERCENTILES)).to_pylist()
        found[venue] = Asked(own.num_rows, int(failed), (p50, p95, p99))
    return found


def mean_quality(scored: Stored) -> dict[tuple[str, str], float]:
    """Mean quality_score by venue and symbol; empty without the mart."""
    if "marts.ohlcv" not in scored.tables:
        return {}
    rows = scored.warehouse.ask(
        "SELECT venue, symbol, avg(quality_score) AS mean FROM marts.ohlcv"
        f" WHERE {scored.within('timestamp')} GROUP BY venue, symbol"
    ).to_pylist()
    return {(row["venue"], row["symbol"]): row["mean"] for row in rows}


def counted_by_symbol(
    scored: Stored, table: str, where: str = "true"
) -> dict[tuple[str, str], int]:
    """Rows of a ledger about candles of the scored days, by venue and symbol."""
    rows = scored.warehouse.ask(
        f"SELECT venue, symbol, count(*) AS n FROM {table}"
        f" WHERE dataset = 'ohlcv' AND {where} AND {scored.within('timestamp')}"
        " GROUP BY venue, symbol"
    ).to_pylist()
    return {(row["venue"], row["symbol"]): row["n"] for row in rows}


def newest(scored: Stored) -> dict[tuple[str, str], datetime]:
    """When the newest candle closed, by venue and symbol."""
    found: dict[tuple[str, str], datetime] = {}
    for venue, options in scored.settings.enabled_venues.items():
        if f"raw.{venue}_ohlcv" not in scored.tables:
            continue
        rows = scored.warehouse.ask(
            f'SELECT symbol, "interval" AS length, max(timestamp) AS opened FROM raw.{venue}_ohlcv'
            f' WHERE {scored.within("timestamp")} GROUP BY symbol, "interval"'
        ).to_pylist()
        for row in rows:
            if row["length"] in options.intervals:
                closed = row["opened"] + timedelta(milliseconds=INTERVALS[row["length"]])
                key = (venue, row["symbol"])
                found[key] = max(closed, found.get(key, closed))
    return found


def _told(finding: Mapping[str, Any]) -> str:
    """One finding of a check in a line, whatever fields it has."""
    return ", ".join(
        f"{name} {value}" for name, value in finding.items() if value not in ("", None)
    )


def _change(row: Mapping[str, Any]) -> float | None:
    """How far the new value is from the old, as a share of the old."""
    old, new = json.loads(row["old_values"]), json.loads(row["new_values"])
    for name in _JUDGED_BY:
        before, after = old.get(name), new.get(name)
        if before and after is not None:
            return float(abs(after - before) / abs(before))
    return None
