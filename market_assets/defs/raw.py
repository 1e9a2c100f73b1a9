"""Raw assets: for each enabled venue its candles, funding rates and instruments."""

# No `from __future__ import annotations` here: Dagster reads the types of the asset's function.
from collections.abc import Iterator

import dagster as dg

from market_assets.defs import describe, partitions
from market_assets.defs.automation import raw_condition
from market_assets.defs.budget import refuse_when_spent
from market_assets.defs.checks import raw_check_specs
from market_assets.defs.freshness import freshness_policy, freshness_specs
from market_assets.defs.names import RAW_DATASETS, pool_of, raw_key
from market_assets.defs.reading import RawRun, Reading
from market_assets.defs.reconcile import is_reconciling
from market_assets.schemas.datasets import INSTRUMENTS, Dataset
from market_assets.settings import Settings, VenueSettings
from market_assets.warehouse.metering import charged_to


def raw_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Every raw asset of the enabled venues."""
    return [
        _raw_asset(venue, options, dataset, settings)
        for venue, options in settings.enabled_venues.items()
        for dataset in RAW_DATASETS
    ]


def _raw_asset(
    venue: str, options: VenueSettings, dataset: Dataset, settings: Settings
) -> dg.AssetsDefinition:
    hourly = dataset is not INSTRUMENTS
    window, policy = (
        (partitions.hourly, partitions.hourly_policy)
        if hourly
        else (partitions.daily, partitions.daily_policy)
    )

    key = raw_key(venue, dataset)

    @dg.multi_asset(
        name="__".join(key.path),
        specs=[
            dg.AssetSpec(
                key,
                group_name=venue,
                freshness_policy=freshness_policy(options, dataset, settings),
                automation_condition=raw_condition(venue, dataset, settings),
                description=describe.description(venue, options, dataset),
                metadata=describe.metadata(venue, dataset),
                owners=describe.OWNERS,
                kinds=describe.kinds(settings),
                tags=describe.tags(venue, dataset),
            )
        ],
        check_specs=[
            *raw_check_specs(venue, dataset, settings),
            *freshness_specs(venue, dataset, settings),
        ],
        partitions_def=window(options),
        backfill_policy=policy(venue, settings),
        # The checks can be run alone.
        can_subset=True,
        # The budget belongs to our address, so a venue's runs take turns.
        pool=pool_of(venue),
    )
    def raw(
        context: dg.AssetExecutionContext, config: Reading
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        run = RawRun(context, venue, options, dataset, settings, config.refresh)
        if is_reconciling(context):
            refuse_when_spent(context, settings, f"Reading {venue} {dataset.name} again")
        with charged_to(asset=".".join(key.path), run_id=context.run.run_id):
            yield from run.materialise() if hourly else run.materialise_snapshot()

    return raw
