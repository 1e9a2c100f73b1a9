"""Materialise every partition of every asset of the code location, as bare events, in bulk."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from dagster._core.events import (
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import serialize_value

from market_assets.definitions import defs

_RUN_ID = "5eeded00-0000-4000-8000-000000000000"


def main() -> None:
    repository = defs().get_repository_def()
    seeded = 0
    with dg.DagsterInstance.get() as instance:
        for key in sorted(repository.asset_graph.get_all_asset_keys()):
            partitions = repository.asset_graph.get(key).partitions_def
            if partitions is None:
                continue
            keys = partitions.get_partition_keys()
            _insert(instance, key, keys)
            # The last one the ordinary way: it writes the summary row of the asset.
            instance.report_runless_asset_event(AssetMaterialization(key, partition=keys[-1]))
            seeded += len(keys)
    sys.stdout.write(str(seeded))


def _insert(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: list[str]) -> None:
    """One INSERT of many rows: the public call takes 10 ms for each event."""
    storage = instance.event_log_storage
    with storage.index_connection() as connection:
        connection.execute(SqlEventLogStorageTable.insert(), list(_rows(key, partitions)))


def _rows(key: dg.AssetKey, partitions: list[str]) -> Iterator[dict[str, object]]:
    now = time.time()
    for partition in partitions:
        event = DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="seed",
            event_specific_data=StepMaterializationData(
                AssetMaterialization(key, partition=partition), []
            ),
        )
        entry = EventLogEntry(
            error_info=None,
            level="debug",
            user_message="",
            run_id=_RUN_ID,
            timestamp=now,
            job_name="seed",
            dagster_event=event,
        )
        yield {
            "run_id": _RUN_ID,
            "event": serialize_value(entry),
            "dagster_event_type": event.event_type_value,
            "timestamp": datetime.fromtimestamp(now, UTC).replace(tzinfo=None),
            "step_key": None,
            "asset_key": key.to_string(),
            "partition": partition,
        }


if __name__ == "__main__":
    main()
