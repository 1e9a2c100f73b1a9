"""Backups of the warehouse: files in a folder where it is embedded, snapshots on BigQuery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from market_assets.errors import RequestInvalid

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.backup import Manifest
    from market_assets.warehouse.bigquery.snapshots import Snapshots

    Copied: TypeAlias = Manifest | Snapshots

# In the folder of a backup: what it is called on BigQuery.
POINTER = "on-bigquery.json"


def back_up(settings: Settings, target: Path) -> Copied:
    """Copy the store; into the new folder `target`, or beside it on BigQuery, as `target` notes."""
    if settings.warehouse.engine == "bigquery":
        return _back_up_bigquery(settings, target)
    from market_assets.warehouse.ducklake import DuckLakeWarehouse

    with DuckLakeWarehouse(
        settings.warehouse.path,
        venues=tuple(settings.venues),
        lock_timeout_seconds=settings.warehouse.lock_timeout_seconds,
    ) as warehouse:
        return warehouse.backup(target)


def restore(settings: Settings, source: Path, *, force: bool) -> Copied:
    """Replace the store by a backup: its folder or, on BigQuery, its name.

    An embedded store may be too damaged to be opened.
    """
    pointer = source / POINTER
    if settings.warehouse.engine == "bigquery":
        return _restore_bigquery(settings, source, pointer, force=force)
    if pointer.exists():
        raise RequestInvalid(
            f"Restoring the warehouse from {source}",
            "it is a backup of BigQuery, and warehouse.engine is ducklake",
            "Restore it with warehouse.engine: bigquery; to have it here run"
            " `market-assets migrate --to ducklake` then.",
        )
    from market_assets.warehouse.backup import restore_into

    return restore_into(settings.warehouse.path, source, force=force)


def _back_up_bigquery(settings: Settings, target: Path) -> Snapshots:
    from market_assets.warehouse.backup import refuse_unless_new
    from market_assets.warehouse.bigquery.engine import BigQueryWarehouse

    refuse_unless_new(f"Backing up the warehouse to {target}", target)
    with BigQueryWarehouse(settings, read_only=True) as warehouse:
        kept = warehouse.backup()
    target.mkdir(parents=True, exist_ok=True)
    (target / POINTER).write_text(json.dumps({"backup": kept.place.path}) + "\n", encoding="utf-8")
    return kept


def _restore_bigquery(settings: Settings, source: Path, pointer: Path, *, force: bool) -> Snapshots:
    from market_assets.warehouse.bigquery.engine import BigQueryWarehouse

    doing = f"Restoring the warehouse from {source}"
    name = str(source)
    if source.exists():
        try:
            name = str(json.loads(pointer.read_text(encoding="utf-8"))["backup"])
        except FileNotFoundError as error:
            raise RequestInvalid(
                doing,
                f"warehouse.engine is bigquery, and the folder has no {POINTER}: it is no backup"
                " of BigQuery",
                "Name a backup that BigQuery keeps (docs/how-to/restore-a-backup.md); to put a"
                " folder of files there, restore it with warehouse.engine: ducklake and then run"
                " `market-assets migrate --to bigquery`.",
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RequestInvalid(
                doing, f"{pointer} cannot be read: {error}", "Give the backup by its name."
            ) from error
    with BigQueryWarehouse(settings, venues=()) as warehouse:
        return warehouse.restore(name, force=force)
