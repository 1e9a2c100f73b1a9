"""The expectations on stored tables as asset checks, judged once a day.

Great Expectations costs a process four seconds of CPU to load, and Dagster runs an asset's checks
in every run of it: hourly, by backfill or from the UI, there is no telling it otherwise
(dagster 1.13: `RunRequest.asset_check_keys=None` is all of them, and a backfill names them all). So
a run that makes a table shows the last verdict on it, read from a file; a run of checks alone, as
the daily job and the UI's Execute button start it, judges anew.
"""

# No `from __future__ import annotations` here: Dagster reads the types of the check's function.
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urljoin

import dagster as dg

from market_assets.defs import markdown
from market_assets.defs.budget import refuse_when_spent
from market_assets.defs.resources import open_warehouse
from market_assets.quality.expectations.judging import DAYS, days_before, judge, tables_of
from market_assets.quality.expectations.verdicts import CHECK, Verdict, last_verdict
from market_assets.settings import Settings
from market_assets.warehouse.metering import charged_to

_SHOWN = 20


def asset_of(table: str) -> dg.AssetKey:
    """Tables are named as their assets are: raw.binance_ohlcv is raw/binance_ohlcv."""
    return dg.AssetKey(table.split("."))


def expectation_keys(settings: Settings) -> list[dg.AssetCheckKey]:
    return [dg.AssetCheckKey(asset_of(table), CHECK) for table in tables_of(settings)]


def expectation_checks(settings: Settings) -> dg.AssetChecksDefinition:
    """One verdict for each table that has a suite."""
    tables = dict(zip(expectation_keys(settings), tables_of(settings), strict=True))

    @dg.multi_asset_check(
        name=CHECK,
        specs=[_spec(key, table) for key, table in tables.items()],
        can_subset=True,
        config_schema={
            "days": dg.Field(
                int, default_value=DAYS, description="Whole days before the end that are judged"
            )
        },
        # The report of the same run tells of these verdicts.
        op_tags={"dagster/priority": "1"},
    )
    def expectations(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        wanted = [table for key, table in tables.items() if key in selected]
        made = context.job_def.asset_layer.executable_asset_keys
        if any(asset_of(table) in made for table in tables.values()):
            for table in wanted:
                verdict = last_verdict(settings, table)
                if verdict is not None:
                    yield _outcome(verdict, settings)
            return
        days = context.op_execution_context.op_config["days"]
        window = days_before(_end(context.run.tags), days)
        refuse_when_spent(context, settings, "Judging the stored tables")
        payer = charged_to(label="check", run_id=context.run.run_id)
        with payer, open_warehouse(settings) as warehouse:
            for verdict in judge(
                settings, warehouse, window, tables=wanted, run_id=context.run.run_id
            ):
                yield _outcome(verdict, settings)

    return expectations


def _spec(key: dg.AssetCheckKey, table: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        key.name,
        asset=key.asset_key,
        description=(
            f"What {table} must look like, by Great Expectations over the last {DAYS} days: columns"
            " and types, keys, ranges, time, references and completeness are errors; a distribution"
            " that no sane market has is a warning. Judged once a day by the job quality_daily; any"
            " other run shows the last verdict."
        ),
    )


def _end(tags: Mapping[str, str]) -> date:
    """The day that is judged no more: after the run's partition, else today."""
    day = tags.get("dagster/partition")
    if day is None:
        return datetime.now(UTC).date()
    return date.fromisoformat(day) + timedelta(days=1)


def _outcome(verdict: Verdict, settings: Settings) -> dg.AssetCheckResult:
    page = urljoin(settings.docs_url, f"../quality/expectations/{verdict.page or 'index.html'}")
    metadata: dict[str, dg.MetadataValue] = {
        "days": dg.MetadataValue.text(f"{verdict.window} UTC"),
        "judged_at": dg.MetadataValue.timestamp(verdict.judged_at),
        "rows": dg.MetadataValue.int(verdict.rows),
        "expectations": dg.MetadataValue.int(verdict.laws),
        "failed": dg.MetadataValue.int(len(verdict.breaches)),
        "data docs": dg.MetadataValue.url(page),
        "report": dg.MetadataValue.url(settings.report_url),
    }
    if not verdict.passed:
        rows = [(b.says, b.observed, b.rows, b.severity) for b in verdict.breaches[:_SHOWN]]
        found = markdown.table(("expectation", "found instead", "rows", "severity"), rows)
        metadata["what fails"] = dg.MetadataValue.md(found)
    return dg.AssetCheckResult(
        asset_key=asset_of(verdict.table),
        check_name=CHECK,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity[verdict.severity.upper()],
        description="; ".join(b.says for b in verdict.breaches) or None,
        metadata=metadata,
    )
