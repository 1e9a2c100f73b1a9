"""`python -m market_assets.defs.sweep`: end the runs that a killed stack left behind.

Dagster's own launcher has no health check: after kill -9 of everything, a run stays STARTED and
keeps its pool slot, so that every later run of the venue waits. This runs before the daemon starts,
when no run can be alive. Queued runs stay: the daemon goes on with them.

With `--location NAME` only runs of that code location are ended: its code server, in which they
live, starts again while those of others go on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

MESSAGE = "Its process was gone when the stack started: it was killed, or the machine went down."


def sweep(location: str | None = None) -> dict[str, int]:
    """Mark dead runs failed (cancelled, if that was asked) and free what they held."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    failed = cancelled = freed = 0
    with DagsterInstance.get() as instance:
        alive = [
            DagsterRunStatus.STARTING,
            DagsterRunStatus.STARTED,
            DagsterRunStatus.CANCELING,
        ]
        for run in instance.get_runs(RunsFilter(statuses=alive)):
            if location is not None and _location_of(run) != location:
                continue
            if run.status is DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, MESSAGE)
                cancelled += 1
            else:
                instance.report_run_failed(run, MESSAGE)
                failed += 1
        for run_id in _holders(instance):
            if location is not None and _is_elsewhere(instance.get_run_by_id(run_id), location):
                continue
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
            freed += 1
    return {"failed": failed, "cancelled": cancelled, "freed": freed}


def _holders(instance: DagsterInstance) -> Iterator[str]:
    """Runs that hold a slot, or wait for one; also those that ended long ago."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    held = {
        slot.run_id
        for key in storage.get_concurrency_keys()
        for slot in storage.get_concurrency_info(key).claimed_slots
    }
    yield from held | storage.get_concurrency_run_ids()


def _location_of(run: DagsterRun) -> str | None:
    origin = run.remote_job_origin
    return origin.location_name if origin is not None else None


def _is_elsewhere(run: DagsterRun | None, location: str) -> bool:
    """A run that is gone is nobody's: what it held is free."""
    return run is not None and _location_of(run) != location


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m market_assets.defs.sweep")
    parser.add_argument("--location", help="only runs of this code location")
    sys.stdout.write(json.dumps(sweep(parser.parse_args().location)) + "\n")


if __name__ == "__main__":
    main()
