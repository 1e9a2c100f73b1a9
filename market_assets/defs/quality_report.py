"""The daily quality report as an asset, and the job that judges the tables and then writes it."""

# No `from __future__ import annotations` here: Dagster reads the types of the asset's function.
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import dagster as dg

from market_assets.defs import markdown, partitions, pictures
from market_assets.defs.budget import refuse_when_spent
from market_assets.defs.describe import OWNERS
from market_assets.defs.expectations import asset_of, expectation_keys
from market_assets.defs.resources import open_warehouse
from market_assets.quality.expectations.judging import tables_of
from market_assets.schemas.timeline import Window
from market_assets.settings import Settings
from market_assets.warehouse.metering import charged_to
from market_assets.watch.spending import why_waiting

if TYPE_CHECKING:
    from market_assets.quality.report.numbers import Report

REPORT = dg.AssetKey(["reports", "data_quality"])
JOB = "quality_daily"
DAY = timedelta(days=1)
# A report is of one day, and takes about a second.
DAYS_PER_RUN = 31


def report_asset(settings: Settings) -> dg.AssetsDefinition:
    """A page and JSON for each UTC day that has ended."""
    own_day = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)

    @dg.asset(
        key=REPORT,
        group_name="reports",
        deps=[
            dg.AssetDep(asset_of(table), partition_mapping=own_day) for table in tables_of(settings)
        ],
        partitions_def=partitions.ended_days_of_all(settings),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=DAYS_PER_RUN),
        description=(
            "What is known of a day's quality: coverage, checks, corrections, quarantine, answers"
            " of the venues against their error budget, repairs, and a score for each venue and"
            f" symbol. The newest one is at {settings.report_url}."
        ),
        owners=OWNERS,
        kinds={"python"},
        tags={"layer": "reports"},
        # After the checks of the same run.
        op_tags={"dagster/priority": "-1"},
    )
    def data_quality(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        # Loads duckdb, which the code location does without.
        from market_assets.quality.report.gathering import gather
        from market_assets.quality.report.writing import report_folder, write

        window = context.partition_time_window
        folder = report_folder(settings)
        refuse_when_spent(context, settings, "Writing the quality report")
        payer = charged_to(label="report", asset=".".join(REPORT.path), run_id=context.run.run_id)
        with payer, open_warehouse(settings, read_only=True) as warehouse:
            day = window.start.date()
            while day < window.end.date():
                report = gather(settings, warehouse, day)
                write(report, folder)
                context.add_asset_metadata(_metadata(report, settings), partition_key=str(day))
                day += DAY
        return dg.MaterializeResult()

    return data_quality


def quality_job(
    settings: Settings,
) -> tuple["dg.UnresolvedAssetJobDefinition", dg.ScheduleDefinition]:
    """The tables judged, then the report of yesterday, each night."""
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(REPORT).without_checks()
        | dg.AssetSelection.checks(*expectation_keys(settings)),
        description="Judges the stored tables by their expectations, then writes a day's report.",
        tags={"trigger": "quality"},
    )

    @dg.schedule(
        name=f"{JOB}_schedule",
        job=job,
        cron_schedule="20 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Judges the last week up to yesterday, and reports on yesterday.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        yesterday = context.scheduled_execution_time.date() - DAY
        first = min(venue.start for venue in settings.enabled_venues.values())
        if yesterday < first:
            return dg.SkipReason(f"nothing is collected before {first}")
        if (why := why_waiting(settings)) is not None:
            return dg.SkipReason(why)
        return dg.RunRequest(run_key=str(yesterday), partition_key=str(yesterday))

    return job, nightly


def _metadata(report: "Report", settings: Settings) -> dict[str, Any]:
    """Where the page is, numbers to plot over the days, and the day at a glance."""
    page = urljoin(settings.report_url, f"{report.day}.html")
    found: dict[str, Any] = {
        "report": dg.MetadataValue.url(page),
        "failing_checks": len(report.failing),
        "corrections": sum(one.rows for one in report.corrections),
        "held_rows": sum(one.rows for one in report.quarantine if one.status == "held"),
        "missing_spans": report.still_missing,
        "scores": dg.MetadataValue.md(_scores(report)),
        "hours": dg.MetadataValue.md(_hours(report)),
    }
    if report.score is not None:
        found["score"] = round(report.score, 2)
    return found


def _scores(report: "Report") -> str:
    from market_assets.quality.report.page import points

    rows = [
        (venue.venue, points(venue.score), venue.requests, venue.errors) for venue in report.venues
    ]
    return markdown.table(("venue", "score", "requests", "errors"), rows)


def _hours(report: "Report") -> str:
    """A picture for each venue."""
    day = Window.of(report.day, report.day + DAY)
    drawn = []
    for venue in report.venues:
        states = {
            one.symbol: [
                "nothing_due" if state == "not_collected" else state for state in one.hours
            ]
            for one in report.symbols
            if one.venue == venue.venue
        }
        title = f"{venue.venue}: hours of {report.day}"
        drawn.append(pictures.markdown(title, pictures.coverage(title, states, day)))
    return "\n\n".join(drawn)
