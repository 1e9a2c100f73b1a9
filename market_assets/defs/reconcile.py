"""Once a day each venue's last two days are read again, to find values that it corrected later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs.automation import LOOK_BACK, minute_of
from market_assets.defs.names import HOURLY_DATASETS, REFRESH_TAG, raw_key
from market_assets.defs.partitions import hour_key
from market_assets.schemas.timeline import HOUR_MS, Window, floor_to, to_ms
from market_assets.watch.spending import why_waiting

if TYPE_CHECKING:
    from market_assets.settings import Settings, VenueSettings

_HOUR_OF_DAY = 2
_TRIGGER = "reconcile"


def reconcile_jobs(
    settings: Settings,
) -> tuple[list[dg.UnresolvedAssetJobDefinition], list[dg.ScheduleDefinition]]:
    """A job and its daily schedule for each enabled venue."""
    jobs, schedules = [], []
    for venue, options in settings.enabled_venues.items():
        job = _job(venue)
        jobs.append(job)
        schedules.append(_schedule(venue, options, job, settings))
    return jobs, schedules


def is_reconciling(context: dg.AssetExecutionContext) -> bool:
    """Does this run look for late corrections? Those are found a day later as well."""
    return context.run.tags.get("trigger") == _TRIGGER


def hours_to_read_again(options: VenueSettings, now: datetime) -> Window:
    """The closed hours of the last two days that the venue is collected in; empty when none is."""
    end = floor_to(to_ms(now), HOUR_MS)
    start = max(end - int(LOOK_BACK.total_seconds() * 1000), to_ms(options.start))
    if options.end is not None:
        end = min(end, to_ms(options.end + timedelta(days=1)))
    return Window(start, max(start, end))


def _job(venue: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        f"reconcile_{venue}",
        selection=dg.AssetSelection.assets(*(raw_key(venue, name) for name in HOURLY_DATASETS)),
        description=(
            f"Reads hours of {venue} again, also complete ones. A value that differs is a"
            " correction: the old one goes to ops.revisions, the new one replaces it."
        ),
        tags={"trigger": _TRIGGER, REFRESH_TAG: "true"},
    )


def _schedule(
    venue: str,
    options: VenueSettings,
    job: dg.UnresolvedAssetJobDefinition,
    settings: Settings,
) -> dg.ScheduleDefinition:
    # Away from the venue's hourly minute: these hours take turns with the newest one.
    minute = (minute_of(venue, settings) + 30) % 60

    @dg.schedule(
        name=f"reconcile_{venue}_daily",
        job=job,
        cron_schedule=f"{minute} {_HOUR_OF_DAY} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Finds late corrections of {venue} in the last 48 hours.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        window = hours_to_read_again(options, now)
        if not window:
            return dg.SkipReason(f"{venue} is not collected in the last 48 hours")
        if (why := why_waiting(settings)) is not None:
            return dg.SkipReason(why)
        return dg.RunRequest(
            run_key=now.isoformat(),
            tags={
                "dagster/asset_partition_range_start": hour_key(window.start),
                "dagster/asset_partition_range_end": hour_key(window.end - HOUR_MS),
            },
        )

    return daily
