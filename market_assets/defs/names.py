"""Names that several definitions share."""

from __future__ import annotations

import dagster as dg

from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV, Dataset

RAW_DATASETS = (OHLCV, FUNDING_RATES, INSTRUMENTS)
HOURLY_DATASETS = (OHLCV, FUNDING_RATES)
# A run with this tag asks again for what is complete. A tag, because a job's default config does
# not reach runs that are launched over a range of partitions.
REFRESH_TAG = "market-assets/refresh"

# A run with this tag asks the venue's archive for what its API does not bring.
REPAIR_TAG = "market-assets/repair"


def raw_key(venue: str, dataset: Dataset) -> dg.AssetKey:
    return dg.AssetKey(["raw", f"{venue}_{dataset.name}"])


def pool_of(venue: str) -> str:
    return f"venue_{venue}"
