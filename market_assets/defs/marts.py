"""The marts as assets: dbt over the run's days, its tests as checks, its rows as metadata.

Not by dagster-dbt: every run's process would import it and dbt, raw runs included, and take three
times as long to start. dbt runs in a process of its own; what it did is read from its results.
"""

# No `from __future__ import annotations` here: Dagster reads the types of the asset's function.
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from market_assets.defs import partitions
from market_assets.defs.budget import refuse_when_spent
from market_assets.defs.describe import OWNERS, mart_metadata
from market_assets.errors import MartsFailed
from market_assets.marts.lineage import Lineage
from market_assets.marts.nodes import Check, Mart, Nodes
from market_assets.marts.project import Project
from market_assets.schemas.timeline import DAY_MS, Window, floor_to, to_datetime, to_ms
from market_assets.settings import Settings
from market_assets.warehouse.metering import charged_to
from market_assets.watch.spending import why_waiting

if TYPE_CHECKING:
    from market_assets.marts.results import Result
    from market_assets.warehouse.protocol import Warehouse

LAYER = "marts"
# A year of backfill is two runs; what a run holds in memory does not grow with the history.
DAYS_PER_RUN = 183
# Two builds of one mart at once would each replace what the other wrote.
POOL = "dbt"


def mart_key(name: str) -> dg.AssetKey:
    return dg.AssetKey([LAYER, name])


def marts_assets(settings: Settings) -> dg.AssetsDefinition:
    """Every dbt model that people read, by days."""
    nodes = _last_that_parsed(Project(settings))
    checks = {check.unique_id: check for check in nodes.checks}

    @dg.multi_asset(
        name=LAYER,
        specs=[_spec(mart, settings) for mart in nodes.marts],
        check_specs=[_check_spec(check) for check in nodes.checks],
        partitions_def=partitions.days_of_all(settings),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=DAYS_PER_RUN),
        can_subset=True,
        pool=POOL,
    )
    def marts(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # Loads duckdb, which the code location does without.
        from market_assets.marts.build import BuildFailed, build

        refuse_when_spent(context, settings, "Building the marts")
        window = partitions.window_of_run(context, otherwise=_two_days())
        failed: BuildFailed | None = None
        try:
            results = build(
                settings,
                first=to_datetime(window.start).date(),
                last=to_datetime(window.end - DAY_MS).date(),
                select=_selected(context),
                told=context.log.info,
                run_id=context.run.run_id,
            )
        except BuildFailed as error:
            results, failed = error.results, error
        with charged_to(label="mart", run_id=context.run.run_id):
            yield from _materialised(context, settings, results, window)
        for result in results:
            check = checks.get(result.unique_id)
            if check is not None and result.tested:
                key = dg.AssetCheckKey(mart_key(check.mart), check.name)
                if key in context.selected_asset_check_keys:
                    yield _outcome(check, result)
        if failed is not None:
            raise dg.Failure(_explained(failed, results))

    return marts


def docs_job(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """dbt's docs, made anew each night: row counts and columns as they are by then."""

    @dg.op(description="Runs dbt docs generate, as one page without a server.")
    def make_docs(context: dg.OpExecutionContext) -> None:
        from market_assets.marts.build import build_docs

        refuse_when_spent(context, settings, "Making dbt's docs")
        build_docs(settings)
        context.add_output_metadata({"dbt docs": dg.MetadataValue.url(settings.docs_url)})

    @dg.job(name="dbt_docs", description="Makes the documentation of the marts anew.")
    def job() -> None:
        make_docs()

    @dg.schedule(
        name="dbt_docs_daily",
        job=job,
        cron_schedule="50 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Makes the documentation of the marts anew.",
    )
    def nightly() -> dg.RunRequest | dg.SkipReason:
        why = why_waiting(settings)
        return dg.RunRequest() if why is None else dg.SkipReason(why)

    return job, nightly


def _last_that_parsed(project: Project) -> Nodes:
    """The project as it is; while somebody's SQL cannot be parsed, as it was before.

    A typo in a mart must not stop the raw data from coming in. Runs of marts fail and say why.
    """
    try:
        project.prepare()
    except MartsFailed as error:
        if not project.manifest.exists():
            raise
        dg.get_dagster_logger().error("The marts stay as they were before: %s", error)
    return project.nodes()


def _selected(context: dg.AssetExecutionContext) -> list[str]:
    """The run's marts, with their tests; or tests alone, when somebody runs just these."""
    marts = sorted(key.path[-1] for key in context.selected_asset_keys)
    return marts or sorted(key.name for key in context.selected_asset_check_keys)


def _spec(mart: Mart, settings: Settings) -> dg.AssetSpec:
    # A day is made from its hours. Venues begin on different days, and none waits for another. That
    # later days look back to this one is not told to Dagster: it would split what belongs together
    # into many runs. The sensor knows it (marts/due.py).
    own_day = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    above = [mart_key(name) for name in mart.marts] + [dg.AssetKey(key) for key in mart.raw]
    engine = settings.warehouse.engine
    return dg.AssetSpec(
        mart_key(mart.name),
        deps=[dg.AssetDep(key, partition_mapping=own_day) for key in above],
        description=mart.description,
        group_name=mart.folder,
        owners=OWNERS,
        kinds={"dbt", "duckdb" if engine == "ducklake" else engine},
        tags={"layer": LAYER, "folder": mart.folder},
        code_version=mart.code_version,
        metadata=mart_metadata(mart, settings.docs_url),
    )


def _check_spec(check: Check) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(check.name, asset=mart_key(check.mart), description=check.description)


def _outcome(check: Check, result: "Result") -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if check.is_error else dg.AssetCheckSeverity.WARN
    metadata: dict[str, int | float | str] = {"seconds": result.seconds}
    if not result.passed:
        metadata |= {"rows that fail": result.failures, "dbt says": result.message}
    return dg.AssetCheckResult(
        asset_key=mart_key(check.mart),
        check_name=check.name,
        passed=result.passed,
        severity=severity,
        metadata=metadata,
    )


def _materialised(
    context: dg.AssetExecutionContext,
    settings: Settings,
    results: Sequence["Result"],
    window: Window,
) -> Iterator[dg.MaterializeResult[None]]:
    """The marts that were built, with the rows that the run's days have in them."""
    from market_assets.defs.resources import open_warehouse

    last = partitions.day_key(to_datetime(window.end - DAY_MS))
    lineage = Project(settings).lineage()
    with open_warehouse(settings, read_only=True) as warehouse:
        for result in results:
            key = mart_key(result.name)
            if not result.built or key not in context.selected_asset_keys:
                continue
            numbers: dict[str, int | float] = {"seconds": round(result.seconds, 3)}
            columns = context.assets_def.metadata_by_key[key]["dagster/column_schema"].columns
            time = next((c.name for c in columns if c.name in ("date", "timestamp")), None)
            if time is not None:
                numbers["rows"] = _rows(warehouse, result.name, time, window)
            metadata: dict[str, Any] = {**numbers}
            if result.name in lineage:
                metadata["dagster/column_lineage"] = _lineage(lineage[result.name])
            # A run's event is repeated for each of its days: what is long goes with the last one.
            context.add_asset_metadata(metadata, asset_key=key, partition_key=last)
            yield dg.MaterializeResult(asset_key=key)


def _lineage(of_mart: Lineage) -> dg.TableColumnLineage:
    """What each column is made from, where that is an asset."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey([schema, table]), column_name=name)
                for schema, table, name in parents
                if schema in (LAYER, "raw")
            ]
            for column, parents in of_mart.items()
        }
    )


def _two_days() -> Window:
    """Yesterday and today: what checks judge that are run alone, without a partition."""
    tomorrow = floor_to(to_ms(datetime.now(UTC)), DAY_MS) + DAY_MS
    return Window(tomorrow - 2 * DAY_MS, tomorrow)


def _rows(warehouse: "Warehouse", mart: str, time: str, window: Window) -> int:
    first, end = to_datetime(window.start), to_datetime(window.end)
    counted = warehouse.ask(
        f"SELECT count(*) AS n FROM {LAYER}.{mart} WHERE {time} >= '{first:%Y-%m-%d}'"
        f" AND {time} < '{end:%Y-%m-%d}'"
    )
    return int(counted.to_pylist()[0]["n"])


def _explained(error: MartsFailed, results: Sequence["Result"]) -> str:
    broken = [result for result in results if result.failed]
    skipped = [result.name for result in results if result.status == "skipped"]
    said = [f"{result.name}: {result.message.strip()}" for result in broken]
    if skipped:
        said.append(f"Not built because of that: {', '.join(skipped)}")
    return "\n".join([str(error), *said])
