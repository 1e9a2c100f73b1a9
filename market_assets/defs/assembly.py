"""All definitions of one installation, from its settings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs.alerts import alerts_asset
from market_assets.defs.automation import automation_sensors
from market_assets.defs.copies import copy_jobs
from market_assets.defs.expectations import expectation_checks
from market_assets.defs.maintenance import maintenance_jobs
from market_assets.defs.marts import docs_job, marts_assets
from market_assets.defs.quality_report import quality_job, report_asset
from market_assets.defs.quarantine import revalidation_job
from market_assets.defs.raw import raw_assets
from market_assets.defs.reconcile import reconcile_jobs

if TYPE_CHECKING:
    from market_assets.settings import Settings


def assemble(settings: Settings) -> dg.Definitions:
    """The whole code location. Every Dagster process makes it anew, so it must stay quick."""
    with warnings.catch_warnings():
        # Backfill policies and code references are used as they are: no need to be told.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reconcile, reconcile_daily = reconcile_jobs(settings)
        keeping, keeping_daily = maintenance_jobs(settings)
        copying, copying_daily = copy_jobs(settings)
        docs, docs_daily = docs_job(settings)
        quality, quality_daily = quality_job(settings)
        return dg.Definitions(
            assets=[
                *raw_assets(settings),
                marts_assets(settings),
                report_asset(settings),
                alerts_asset(settings),
            ],
            asset_checks=[expectation_checks(settings)],
            jobs=[*reconcile, *keeping, *copying, docs, quality, revalidation_job(settings)],
            schedules=[*reconcile_daily, *keeping_daily, *copying_daily, docs_daily, quality_daily],
            sensors=automation_sensors(),
            # A process for each step doubles a run's CPU, and its steps share one budget anyway.
            executor=dg.in_process_executor,
        )
