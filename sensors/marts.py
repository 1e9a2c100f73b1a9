"""Builds marts whose data changed: by hour, by backfill, by a late correction, whatever it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs.partitions import day_key
from market_assets.watch.spending import why_waiting
from sensors.unfinished import UNFINISHED

if TYPE_CHECKING:
    from market_assets.marts.due import Due
    from market_assets.settings import Settings

NAME = "marts_automation"
# Longer ago than the ledger is kept; a platform that was off for longer builds all by hand.
LOOK_BACK = timedelta(days=90)
ALL_BUILT = "everything is built"
_SECONDS_APART = 60
# Venues store their hours one after the other: what comes within so long is built in one run.
SETTLED_AFTER = timedelta(seconds=90)


def marts_sensor(settings: Settings) -> dg.SensorDefinition:
    """Runs over the days that are due, each set of days with the marts that need it."""

    @dg.sensor(
        name=NAME,
        target=dg.AssetSelection.key_prefixes("marts"),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_SECONDS_APART,
        description=(
            "Asks ops.changes and ops.builds which days of which marts are behind their data, also"
            " those that only look back to a changed day, and builds exactly these."
        ),
    )
    def marts_automation(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        for run in context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
            if any(key.path[0] == "marts" for key in run.asset_selection or ()):
                return dg.SkipReason(f"run {run.run_id} is still building")
        now = datetime.now(UTC)
        seen = _seen(settings, now)
        if seen == context.cursor:
            return dg.SkipReason("nothing was written since everything was built")
        if (why := why_waiting(settings, now)) is not None:
            return dg.SkipReason(why)
        found = look(settings, now)
        if isinstance(found, str):
            if found == ALL_BUILT:
                context.update_cursor(seen)
            return dg.SkipReason(found)
        if found.waiting:
            context.log.warning(found.waiting)
        # The same state is asked for once an hour: a build that fails is not tried each minute.
        state = f"{now:%Y-%m-%dT%H} {found.state:%Y-%m-%dT%H:%M:%S.%f}"
        return dg.SensorResult(
            run_requests=[_request(due, n, state) for n, due in enumerate(found.due)]
        )

    return marts_automation


@dataclass(frozen=True)
class Found:
    """What has to be built, and the last change or build that is known of."""

    due: Sequence[Due]
    state: datetime
    # Which days wait for checks that block, in words.
    waiting: str = ""


def look(settings: Settings, now: datetime) -> Found | str:
    """What is due, or why nothing is."""
    # duckdb is for the process that evaluates sensors, not for every process that loads them.
    from market_assets.errors import MarketAssetsError
    from market_assets.marts.blocked import blocked_days
    from market_assets.marts.due import Due, due
    from market_assets.marts.project import Project
    from market_assets.quality.verdicts import blocks
    from market_assets.schemas.datasets import DATASETS
    from market_assets.settings.quality import CHECK_NAMES
    from market_assets.warehouse.metering import charged_to
    from market_assets.warehouse.opening import open_warehouse

    since = now - LOOK_BACK
    try:
        with (
            charged_to(label="watch"),
            open_warehouse(settings, read_only=True) as warehouse,
        ):
            changes, builds = warehouse.changes(since), warehouse.builds(since)
            results = warehouse.check_results(since)
    except MarketAssetsError as error:
        return str(error)
    if not changes and not builds:
        return "nothing has changed"
    if changes and now - changes[-1].changed_at < SETTLED_AFTER:
        return "data are still coming in"
    # By the settings of today: a check that was turned down or off keeps nothing waiting.
    judged = {f"raw.{venue}_{dataset}" for venue in settings.enabled_venues for dataset in DATASETS}
    blocked = blocked_days(
        result
        for result in results
        # A venue that is turned off has no run that could judge its rows again.
        if result.table_name in judged
        and result.check_name in CHECK_NAMES
        and blocks(result.check_name, settings.quality.severity(result.check_name))
    )
    project = Project(settings)
    first = min(venue.start for venue in settings.enabled_venues.values())
    models = project.nodes().by_days()
    found = due(changes, builds, models, first, now.date(), blocked)
    # Views hold no days: they are made anew when the project is.
    made = {build.model for build in builds if build.built_from.timestamp() > project.made_at}
    marts = project.nodes().marts
    views = tuple(mart.name for mart in marts if mart.is_view and mart.name not in made)
    if views and found:
        # With what is built last: by then the tables that they read are there.
        found[-1] = replace(found[-1], models=(*found[-1].models, *views))
    elif views:
        found.append(Due(now.date(), now.date(), views))
    moments = [c.changed_at for c in changes[-1:]] + [build.built_from for build in builds]
    waiting = _waiting(blocked) if any(blocked.values()) else ""
    if found:
        return Found(found, max(moments), waiting)
    left = due(changes, builds, models, first, now.date())
    return waiting if left else ALL_BUILT


def _waiting(blocked: Mapping[str, Mapping[date, frozenset[str]]]) -> str:
    """What keeps the days that are due from being built."""
    days = {day: checks for of_dataset in blocked.values() for day, checks in of_dataset.items()}
    named = ", ".join(sorted(frozenset[str]().union(*days.values())))
    return (
        f"{len(days)} days from {min(days)} to {max(days)} wait for checks that block: {named}."
        " Repair the rows, then materialise these hours again: what is complete is only checked"
    )


def _seen(settings: Settings, now: datetime) -> str:
    """What an answer depends on, told without a query: most ticks have nothing more to do."""
    from market_assets.marts.project import Project
    from market_assets.warehouse.opening import version

    return f"{now:%Y-%m-%d} {version(settings)} {Project(settings).made_at}"


def _request(due: Due, place: int, state: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{state} {due.first} {due.last} {','.join(due.models)}",
        asset_selection=[dg.AssetKey(["marts", model]) for model in due.models],
        tags={
            "dagster/asset_partition_range_start": _key(due.first),
            "dagster/asset_partition_range_end": _key(due.last),
            # What others are made from comes first; a pool of one keeps the order.
            "dagster/priority": str(-place),
            "trigger": "automation",
        },
    )


def _key(day: date) -> str:
    return day_key(datetime(day.year, day.month, day.day, tzinfo=UTC))
