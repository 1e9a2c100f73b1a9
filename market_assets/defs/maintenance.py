"""Jobs that keep the store and Dagster's own records small: compaction, retention, pruning."""

# No `from __future__ import annotations` here: Dagster reads the types of op functions.

from datetime import UTC, datetime, timedelta

import dagster as dg

from market_assets.defs.pruning import prune_runs
from market_assets.defs.resources import open_warehouse
from market_assets.settings import Settings

_DAY = 24


def maintenance_jobs(
    settings: Settings,
) -> tuple[list[dg.JobDefinition], list[dg.ScheduleDefinition]]:
    """The jobs and their schedules, which run from the first start."""
    maintain = _maintain_job(settings)
    prune = _prune_job()
    schedules = [
        dg.ScheduleDefinition(
            name="maintain_warehouse_schedule",
            job=maintain,
            cron_schedule=compaction_cron(settings.warehouse.compact_every_hours),
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
        dg.ScheduleDefinition(
            name="prune_run_records_daily",
            job=prune,
            cron_schedule="50 3 * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ]
    return [maintain, prune], schedules


def compaction_cron(hours: int) -> str:
    """`warehouse.compact_every_hours` as cron, in whole days when it is longer than a day."""
    if hours < _DAY:
        return f"15 */{hours} * * *"
    days = min(28, round(hours / _DAY))
    return "15 3 * * *" if days == 1 else f"15 3 */{days} * *"


def _maintain_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(description="Joins small files, drops old snapshots, expires rows past retention.")
    def maintain(context: dg.OpExecutionContext) -> None:
        with open_warehouse(settings) as warehouse:
            done = warehouse.maintain(
                retention_days=settings.warehouse.retention_days,
                snapshot_days=settings.warehouse.snapshot_days,
            )
            compacts_itself = not warehouse.capabilities.needs_compaction
        if compacts_itself:
            context.add_output_metadata(
                {
                    "compaction": "nothing to do: BigQuery keeps its files by itself",
                    "retention": "nothing to do: partitions expire by themselves",
                    "retention_days": settings.warehouse.retention_days,
                }
            )
            return
        context.add_output_metadata(
            {
                "files_before": done.files_before,
                "files_after": done.files_after,
                "bytes_before": done.bytes_before,
                "bytes_after": done.bytes_after,
                "rows_expired": done.rows_expired,
                "files_deleted": done.files_deleted,
                "retention_days": settings.warehouse.retention_days,
            }
        )

    @dg.job(
        name="maintain_warehouse",
        description=(
            "Compaction, snapshots and retention of the warehouse, as warehouse.* in the settings"
            f" says: rows are kept for {settings.warehouse.retention_days} days."
        ),
    )
    def job() -> None:
        maintain()

    return job


class Pruning(dg.Config):
    """What to keep of Dagster's run records."""

    # Runs that ended within so many days are kept, whatever they did.
    keep_days: int = 30
    # A night deletes so many at most; the next one goes on.
    at_most: int = 2000


def _prune_job() -> dg.JobDefinition:
    @dg.op(description="Deletes old runs, but none with a partition's latest materialisation.")
    def prune(context: dg.OpExecutionContext, config: Pruning) -> None:
        before = datetime.now(UTC) - timedelta(days=config.keep_days)
        pruned = prune_runs(context.instance, before, config.at_most)
        context.add_output_metadata({"runs_deleted": pruned.deleted, "runs_kept": pruned.kept})

    @dg.job(
        name="prune_run_records",
        description=(
            "Dagster never deletes runs by itself. This deletes those older than 30 days that hold"
            " no partition's latest materialisation: no partition changes its state."
        ),
    )
    def job() -> None:
        prune()

    return job
