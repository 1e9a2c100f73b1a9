"""The marts as assets: dbt over the run's days, its tests as checks, its rows as metadata."""

# No `from __future__ import annotations` here: Dagster reads the types of the asset's function.
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DbtProject, dbt_assets

from market_assets.defs import partitions
from market_assets.defs.dbt_command import LeanDbt, run_folder
from market_assets.defs.translation import Translator
from market_assets.marts.project import SOURCE, Project
from market_assets.settings import Settings

if TYPE_CHECKING:
    from market_assets.warehouse.ducklake import DuckLakeWarehouse

DAY = timedelta(days=1)
# A year of backfill is two runs; what a run holds in memory does not grow with the history.
DAYS_PER_RUN = 183
# dbt takes the warehouse's writer lock for a whole run: one at a time.
POOL = "dbt"


def docs_job(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """dbt's docs, made anew each night: row counts and columns as they are by then."""

    @dg.op(pool=POOL, description="Runs dbt docs generate, as one page without a server.")
    def make_docs(context: dg.OpExecutionContext) -> None:
        from market_assets.marts.build import build_docs

        build_docs(settings)
        context.add_output_metadata({"dbt docs": dg.MetadataValue.url(settings.docs_url)})

    @dg.job(name="dbt_docs", description="Makes the documentation of the marts anew.")
    def job() -> None:
        make_docs()

    schedule = dg.ScheduleDefinition(
        name="dbt_docs_daily",
        job=job,
        cron_schedule="50 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Makes the documentation of the marts anew.",
    )
    return job, schedule


def marts_assets(settings: Settings) -> dg.AssetsDefinition:
    """Every dbt model, by days."""
    project = Project(settings)
    project.prepare()
    translator = Translator(settings.warehouse.engine, settings.docs_url)

    @dbt_assets(
        name="marts",
        manifest=project.manifest,
        # Only for links to the code: the manifest is our own.
        project=DbtProject(SOURCE, target_path=project.target),
        partitions_def=partitions.days_of_all(settings),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=DAYS_PER_RUN),
        dagster_dbt_translator=translator,
        pool=POOL,
    )
    def marts(context: dg.AssetExecutionContext) -> Iterator[Any]:
        window = context.partition_time_window
        days = (
            *("--event-time-start", f"{window.start:%Y-%m-%d}"),
            *("--event-time-end", f"{window.end:%Y-%m-%d}"),
        )
        dbt = LeanDbt(project_dir=str(SOURCE), profiles_dir=str(SOURCE))
        # Loads duckdb, which the code location does without.
        from market_assets.marts.build import building

        first, last = window.start.date(), (window.end - DAY).date()
        with (
            run_folder(project, context.run.run_id) as folder,
            building(settings, first, last, context.run.run_id) as work,
        ):
            run = dbt.cli(["build", *days, *project.arguments], context=context, target_path=folder)
            for event in run.stream():
                if isinstance(event, dg.Output):
                    key = context.asset_key_for_output(event.output_name)
                    work.done.append(key.path[-1])
                    _add_rows(context, work.warehouse, key, window)
                yield event

    return marts


def _add_rows(
    context: dg.AssetExecutionContext,
    warehouse: "DuckLakeWarehouse",
    key: dg.AssetKey,
    window: dg.TimeWindow,
) -> None:
    """How many rows the run's days have in the model that was just built."""
    columns = {
        column.name: column.type
        for column in context.assets_def.metadata_by_key[key]["dagster/column_schema"].columns
    }
    table = ".".join(key.path)
    time = next((name for name in ("date", "timestamp") if name in columns), None)
    where = (
        f" WHERE {time} >= '{window.start:%Y-%m-%d}' AND {time} < '{window.end:%Y-%m-%d}'"
        if time
        else ""
    )
    rows = warehouse.query(f"SELECT count(*) AS n FROM {table}{where}").to_pylist()[0]["n"]
    last = partitions.day_key(window.end - DAY)
    # A run's events are repeated for each of its days: the numbers go with the last one.
    context.add_asset_metadata({"rows": rows}, asset_key=key, partition_key=last)
