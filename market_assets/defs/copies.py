"""Jobs that copy: backup and restore of warehouse and run records, export of a dataset's window."""

# No `from __future__ import annotations` here: Dagster reads the types of op functions.
import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from market_assets.defs.budget import refuse_when_spent
from market_assets.defs.exporting import Export, write
from market_assets.defs.resources import open_warehouse
from market_assets.settings import Settings
from market_assets.stack.run_records import back_up_run_records
from market_assets.warehouse.copying import back_up
from market_assets.warehouse.copying import restore as restore_warehouse
from market_assets.warehouse.metering import charged_to

WAREHOUSE, RUN_RECORDS = "warehouse", "dagster"
_STAMP = "%Y%m%dT%H%M%SZ"


class Backup(dg.Config):
    """Where a backup goes."""

    # A new folder; empty is one named after the moment in <state_dir>/backups.
    target: str = ""
    # Of the backups named after their moment so many are kept, the newest ones; 0 keeps all.
    keep: int = 7


class Restore(dg.Config):
    """Which backup comes back."""

    # Its folder or, on BigQuery, its name.
    source: str
    # Replace a warehouse that holds data.
    force: bool = False


def copy_jobs(settings: Settings) -> tuple[list[dg.JobDefinition], list[dg.ScheduleDefinition]]:
    backup = _backup_job(settings)
    nightly = dg.ScheduleDefinition(
        name="back_up_daily",
        job=backup,
        cron_schedule="35 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return [backup, _restore_job(settings), _export_job(settings)], [nightly]


def _backup_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(description="Copies the warehouse and Dagster's own databases, consistently, in use.")
    def copy_stores(context: dg.OpExecutionContext, config: Backup) -> None:
        folder = settings.state_dir / "backups"
        target = Path(config.target or folder / datetime.now(UTC).strftime(_STAMP)).absolute()
        copied = back_up(settings, target / WAREHOUSE)
        home = Path(context.instance.root_directory)
        records = back_up_run_records(settings, home, target / RUN_RECORDS)
        context.add_output_metadata(
            {
                "target": dg.MetadataValue.path(str(target)),
                "warehouse": copied.in_words,
                **copied.counts,
                "run_records": records,
                "old_backups_removed": 0 if config.target else _remove_old(folder, config.keep),
            }
        )

    @dg.job(
        name="back_up",
        description=(
            "A verified copy of the warehouse, and of Dagster's run records, in SQLite or Postgres."
            " `restore` brings the warehouse back; for the run records stop the stack and"
            " use `market-assets restore`."
        ),
    )
    def job() -> None:
        copy_stores()

    return job


def _restore_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(description="Puts a backup in the place of the warehouse, after checking every file.")
    def restore(context: dg.OpExecutionContext, config: Restore) -> None:
        source = Path(config.source)
        inside = source / WAREHOUSE
        folder = inside if inside.is_dir() else source
        copied = restore_warehouse(settings, folder, force=config.force)
        context.add_output_metadata(
            {"taken_at": copied.created_at, "warehouse": copied.in_words, **copied.counts}
        )

    @dg.job(
        name="restore_warehouse",
        description=(
            "Brings the warehouse of a backup back; without `force` only into an empty one."
            " Partitions that are newer than the backup still look materialised: backfill them"
            " again, what is there is not asked for."
        ),
    )
    def job() -> None:
        restore()

    return job


def _export_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(description="Writes a window of a dataset to one Parquet or CSV file.")
    def export(context: dg.OpExecutionContext, config: Export) -> None:
        refuse_when_spent(context, settings, "Exporting")
        payer = charged_to(label="export", run_id=context.run.run_id)
        with payer, open_warehouse(settings, read_only=True) as warehouse:
            file, rows = write(config, settings, warehouse)
        context.add_output_metadata(
            {"file": dg.MetadataValue.path(str(file)), "rows": rows, "bytes": file.stat().st_size}
        )

    @dg.job(name="export_dataset", description="A window of a raw dataset as Parquet or CSV.")
    def job() -> None:
        export()

    return job


def _remove_old(folder: Path, keep: int) -> int:
    """Remove all but the newest backups that were named after their moment; others' are left."""
    if not folder.exists():
        return 0  # neither warehouse nor run records are kept in files here
    named = sorted(path for path in folder.iterdir() if path.is_dir() and _is_stamp(path.name))
    old = named[:-keep] if keep > 0 else []
    for path in old:
        shutil.rmtree(path)
    return len(old)


def _is_stamp(name: str) -> bool:
    try:
        datetime.strptime(name, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
