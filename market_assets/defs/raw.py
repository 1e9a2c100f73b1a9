"""Raw assets: for each enabled venue its candles, funding rates and instruments."""

# No `from __future__ import annotations` here: Dagster reads the types of the asset's function.
import dagster as dg

from market_assets.defs import describe, partitions
from market_assets.defs.automation import raw_condition
from market_assets.defs.names import RAW_DATASETS, pool_of, raw_key
from market_assets.defs.reading import RawRun, Reading
from market_assets.schemas.datasets import INSTRUMENTS, Dataset
from market_assets.settings import Settings, VenueSettings


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

    @dg.asset(
        key=raw_key(venue, dataset),
        group_name=venue,
        partitions_def=window(options),
        backfill_policy=policy(venue, settings),
        automation_condition=raw_condition(venue, dataset, settings),
        # The budget belongs to our address, so a venue's runs take turns.
        pool=pool_of(venue),
        description=describe.description(venue, options, dataset),
        metadata=describe.metadata(venue, dataset),
        owners=describe.OWNERS,
        kinds=describe.kinds(settings),
        tags=describe.tags(venue, dataset),
    )
    def raw(context: dg.AssetExecutionContext, config: Reading) -> dg.MaterializeResult[None]:
        run = RawRun(context, venue, options, dataset, settings, config.refresh)
        return run.materialise() if hourly else run.materialise_snapshot()

    return raw
