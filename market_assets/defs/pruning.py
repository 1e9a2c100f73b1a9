"""Which of Dagster's run records can go without changing what is known about any partition."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    deleted: int
    kept: int


def prune_runs(instance: dg.DagsterInstance, before: datetime, at_most: int) -> Pruned:
    """Delete runs that were made before the moment and whose materialisations are all superseded.

    The daily reconcile run materialises two days again, which supersedes the hourly runs of them.
    """
    filters = dg.RunsFilter(statuses=list(_ENDED), created_before=before)
    deleted = kept = 0
    for run_id in reversed(instance.get_run_ids(filters)):
        if deleted == at_most:
            break
        if _is_superseded(instance, run_id):
            instance.delete_run(run_id)
            _remove_log_file(instance, run_id)
            deleted += 1
        else:
            kept += 1
    return Pruned(deleted, kept)


def _is_superseded(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether no partition's (or unpartitioned asset's) latest materialisation is of this run."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    partitions: dict[dg.AssetKey, set[str]] = defaultdict(set)
    for record in instance.get_records_for_run(run_id, of_type=kind).records:
        event = record.event_log_entry.dagster_event
        if event is None or event.asset_key is None:
            continue
        if event.partition is not None:
            partitions[event.asset_key].add(event.partition)
            continue
        latest = instance.get_latest_materialization_event(event.asset_key)
        if latest is not None and latest.run_id == run_id:
            return False
    for key, names in partitions.items():
        latest_ids = instance.event_log_storage.get_latest_storage_id_by_partition(key, kind, names)
        ids = sorted(latest_ids.values())
        for place in range(0, len(ids), _BATCH):
            found = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[place : place + _BATCH]),
                limit=_BATCH,
            )
            if any(record.run_id == run_id for record in found.records):
                return False
    return True


def _remove_log_file(instance: dg.DagsterInstance, run_id: str) -> None:
    """With SQLite each run's events are a file, which Dagster empties but leaves behind."""
    file = Path(instance.root_directory) / "history" / "runs" / f"{run_id}.db"
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
