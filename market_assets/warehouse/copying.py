"""Backups of the warehouse: a folder where it is embedded, and BigQuery's own means elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.errors import RequestInvalid

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.backup import Manifest

# https://cloud.google.com/bigquery/docs/time-travel and .../table-snapshots-intro (as of 2026-11)
KEPT_BY_BIGQUERY = (
    "BigQuery keeps every table as it was for the last 7 days (time travel) and 7 days more for"
    " its support; for longer take table snapshots (CREATE SNAPSHOT TABLE) or copy the datasets,"
    " which are free to make. A copy outside of Google is"
    " `market-assets migrate --to ducklake`"
)


def back_up(settings: Settings, target: Path) -> Manifest | None:
    """Copy the embedded store into the new folder `target`; None where BigQuery keeps it."""
    if settings.warehouse.engine == "bigquery":
        return None
    from market_assets.warehouse.ducklake import DuckLakeWarehouse

    with DuckLakeWarehouse(
        settings.warehouse.path,
        venues=tuple(settings.venues),
        lock_timeout_seconds=settings.warehouse.lock_timeout_seconds,
    ) as warehouse:
        return warehouse.backup(target)


def restore(settings: Settings, source: Path, *, force: bool) -> Manifest:
    """Replace the embedded store by a backup, also one that is too damaged to be opened."""
    if settings.warehouse.engine == "bigquery":
        raise RequestInvalid(
            f"Restoring the warehouse from {source}",
            "warehouse.engine is bigquery, and a folder is a backup of the embedded one",
            "Bring tables back by FOR SYSTEM_TIME AS OF or from snapshots (docs/bigquery.md); to"
            " put a folder there, restore it with warehouse.engine: ducklake and then run"
            " `market-assets migrate --to bigquery`.",
        )
    from market_assets.warehouse.backup import restore_into

    return restore_into(settings.warehouse.path, source, force=force)
