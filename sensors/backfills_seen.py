"""Backfills in progress and those that ended lately, as the watch sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import dagster as dg
from dagster._core.definitions.partitions.subset import TimeWindowPartitionsSubset
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from market_assets.health.observed import Backfill
from sensors.run_work import venue_of
from sensors.runs_seen import first_line

_IN_PROGRESS = [
    BulkActionStatus.REQUESTED,
    BulkActionStatus.CANCELING,
    BulkActionStatus.FAILING,
]
_STATES: Mapping[BulkActionStatus, Literal["running", "succeeded", "failed", "canceled"]] = {
    BulkActionStatus.REQUESTED: "running",
    BulkActionStatus.CANCELING: "running",
    BulkActionStatus.FAILING: "failed",
    BulkActionStatus.FAILED: "failed",
    BulkActionStatus.COMPLETED_FAILED: "failed",
    BulkActionStatus.CANCELED: "canceled",
    BulkActionStatus.COMPLETED: "succeeded",
    BulkActionStatus.COMPLETED_SUCCESS: "succeeded",
}
# Nobody has more going on at a time; of what has ended the newest are told of.
_MOST = 50
# One that was begun before is of no interest, whenever it ended.
_BEGUN_WITHIN = timedelta(days=60)
# One that failed is told for `run_failures_hours`, a month at the most.
_MADE_GOOD_WITHIN = timedelta(days=30)
_TAG = "dagster/backfill"


class BackfillsSeen:
    """Keeps those that have ended: all that changes is that others make good what they left."""

    def __init__(self) -> None:
        self._ended: dict[str, Backfill] = {}

    def see(self, instance: dg.DagsterInstance, now: datetime) -> tuple[Backfill, ...]:
        since = now - _BEGUN_WITHIN
        going_on = instance.get_backfills(BulkActionsFilter(statuses=_IN_PROGRESS), limit=_MOST)
        ended = instance.get_backfills(
            BulkActionsFilter(statuses=BULK_ACTION_TERMINAL_STATUSES, created_after=since),
            limit=_MOST,
        )
        found = {one.backfill_id: _seen(instance, one) for one in going_on}
        self._ended = {one.backfill_id: self._of_ended(instance, one, now) for one in ended}
        return tuple((found | self._ended).values())

    def _of_ended(
        self, instance: dg.DagsterInstance, backfill: PartitionBackfill, now: datetime
    ) -> Backfill:
        seen = self._ended.get(backfill.backfill_id) or _seen(instance, backfill)
        is_open = seen.state == "failed" and not seen.is_made_good
        if not is_open or (seen.ended_at is not None and now - seen.ended_at > _MADE_GOOD_WITHIN):
            return seen
        return replace(seen, is_made_good=_is_made_good(instance, backfill))


def _is_made_good(instance: dg.DagsterInstance, backfill: PartitionBackfill) -> bool:
    """Whether every partition that failed, or waited for one that did, is there by now."""
    data = backfill.asset_backfill_data
    if data is None or data.failed_and_downstream_subset.non_partitioned_asset_keys:
        return False
    subsets = data.failed_and_downstream_subset.partitions_subsets_by_asset_key
    for asset, subset in subsets.items():
        if not isinstance(subset, TimeWindowPartitionsSubset):
            return False
        names = list(subset.get_partition_keys())
        states = instance.get_status_by_partition(asset, names, subset.partitions_def) or {}
        if any(states.get(name) is not AssetPartitionStatus.MATERIALIZED for name in names):
            return False
    return bool(subsets)


def _seen(instance: dg.DagsterInstance, backfill: PartitionBackfill) -> Backfill:
    done, total, failed = _counts(instance, backfill)
    assets = sorted(key.to_user_string() for key in backfill.asset_selection or ())
    venues = {venue_of(asset) for asset in assets}
    ended = backfill.backfill_end_timestamp
    return Backfill(
        backfill_id=backfill.backfill_id,
        target=_target(backfill, assets),
        state=_STATES[backfill.status],
        started_at=datetime.fromtimestamp(backfill.backfill_timestamp, UTC),
        ended_at=None if ended is None else datetime.fromtimestamp(ended, UTC),
        last_progress_at=_last_progress(instance, backfill),
        done=done,
        total=total,
        failed_partitions=failed,
        error=first_line(backfill.error.message) if backfill.error else "",
        venue=venues.pop() if len(venues) == 1 else "",
    )


def _counts(instance: dg.DagsterInstance, backfill: PartitionBackfill) -> tuple[int, int, int]:
    """Partitions done, wanted and failed. A backfill of a job counts runs, one a partition."""
    data = backfill.asset_backfill_data
    if data is not None:
        subsets = (data.materialized_subset, data.target_subset, data.failed_and_downstream_subset)
        done, total, failed = (s.num_partitions_and_non_partitioned_assets for s in subsets)
        return done, total, failed
    tags = {_TAG: backfill.backfill_id}
    done, failed = (
        instance.get_runs_count(dg.RunsFilter(tags=tags, statuses=[status]))
        for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
    )
    return done, len(backfill.partition_names or ()), failed


def _target(backfill: PartitionBackfill, assets: list[str]) -> str:
    if not assets:
        return backfill.job_name or "a job"
    return ", ".join(assets[:2]) + (f" and {len(assets) - 2} more" if len(assets) > 2 else "")


def _last_progress(instance: dg.DagsterInstance, backfill: PartitionBackfill) -> datetime | None:
    """When one of its runs last began or ended."""
    filters = dg.RunsFilter(tags={_TAG: backfill.backfill_id})
    records = instance.get_run_records(filters, limit=1, order_by="update_timestamp")
    return records[0].update_timestamp.replace(tzinfo=UTC) if records else None
