"""Freshness in Dagster's UI: the asset check `freshness`, and Dagster's own policy beside it.

The check looks at the rows: the newest of every symbol, by its own time and by when it was stored.
The watch's sensor evaluates it when it changes; a run evaluates it too, because Dagster plans an
asset's checks in every run of it, and one that is planned and not evaluated shows as skipped.

Dagster's own policy looks at the newest materialisation of any partition, so that a backfill of an
old year makes a dead feed fresh: it says whether anything runs, and the check whether it helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs import markdown
from market_assets.defs.names import HOURLY_DATASETS, raw_key
from market_assets.schemas.datasets import DATASETS, Dataset

if TYPE_CHECKING:
    from market_assets.settings import Settings, VenueSettings
    from market_assets.warehouse.protocol import Warehouse
    from market_assets.watch.fresh_tables import TableFreshness

CHECK = "freshness"
_SHOWN = 20
# A partition is an hour: its data come up to so much later than the hour before's.
_AN_HOUR = timedelta(minutes=75)


def freshness_specs(venue: str, dataset: Dataset, settings: Settings) -> list[dg.AssetCheckSpec]:
    """The check of a table of rows that keep coming, unless the alert is turned off."""
    if dataset not in HOURLY_DATASETS or settings.alerts.severity("freshness") == "off":
        return []
    minutes = settings.thresholds.freshness_minutes
    return [
        dg.AssetCheckSpec(
            CHECK,
            asset=raw_key(venue, dataset),
            description=(
                f"The newest row of every symbol is at most {minutes} minutes old, by its own time"
                " and by when it was stored (thresholds.freshness_minutes; rows that are due"
                " less often may be an interval older). The sensor `watch` says so within a minute."
            ),
            metadata={"severity": settings.alerts.severity("freshness")},
        )
    ]


def freshness_policy(
    venue: VenueSettings, dataset: Dataset, settings: Settings
) -> dg.FreshnessPolicy | None:
    """Dagster's own, for what is materialised each hour; none for what is at its end."""
    over = venue.end is not None and venue.end < datetime.now(UTC).date()
    if dataset not in HOURLY_DATASETS or over:
        return None
    limit = timedelta(minutes=settings.thresholds.freshness_minutes)
    return dg.FreshnessPolicy.time_window(fail_window=max(limit, _AN_HOUR))


def freshness_result(
    settings: Settings, warehouse: Warehouse, venue: str, dataset: Dataset
) -> dg.AssetCheckResult:
    """The verdict of a run on the table that it has just written."""
    from market_assets.watch.fresh_tables import table_freshness

    found = table_freshness(settings, warehouse, venue, dataset, datetime.now(UTC))
    return dg.AssetCheckResult(
        asset_key=raw_key(venue, dataset),
        check_name=CHECK,
        passed=found.passed,
        severity=_severity(settings),
        description=found.text,
        metadata=_metadata(found),
    )


def freshness_evaluation(settings: Settings, found: TableFreshness) -> dg.AssetCheckEvaluation:
    """The verdict of a look, without a run."""
    return dg.AssetCheckEvaluation(
        asset_key=raw_key(found.venue, DATASETS[found.dataset]),
        check_name=CHECK,
        passed=found.passed,
        severity=_severity(settings),
        description=found.text,
        metadata=_metadata(found),
    )


def _severity(settings: Settings) -> dg.AssetCheckSeverity:
    critical = settings.alerts.severity("freshness") == "critical"
    return dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN


def _metadata(found: TableFreshness) -> Mapping[str, dg.MetadataValue]:
    """The numbers, and the oldest series by name."""
    oldest = max((age.oldest for age in found.ages), default=timedelta())
    rows = (
        (
            age.series.symbol,
            age.series.interval,
            _when(age.series.newest_data_at),
            _when(age.series.newest_ingestion_at),
            f"{age.oldest.total_seconds() / 60:.0f}",
            f"{age.limit.total_seconds() / 60:.0f}",
        )
        for age in found.ages[:_SHOWN]
    )
    names = ("symbol", "interval", "newest data", "stored", "age min", "limit min")
    return {
        "series": dg.MetadataValue.int(len(found.ages)),
        "stale": dg.MetadataValue.int(len(found.stale)),
        "oldest_minutes": dg.MetadataValue.float(round(oldest.total_seconds() / 60, 1)),
        "oldest": dg.MetadataValue.md(markdown.table(names, rows)),
    }


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
