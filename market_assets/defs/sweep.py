"""`python -m market_assets.defs.sweep`: end the runs that a killed stack left behind.

Dagster's own launcher has no health check: after kill -9 of everything, a run stays STARTED and
keeps its pool slot, so that every later run of the venue waits. This runs before the daemon starts,
when no run can be alive. Queued runs stay: the daemon goes on with them.

`--location NAME --before SECONDS --after-port PORT` is for one code server that starts again while
all else goes on: of its location it ends the runs that were launched before, once it serves. Ended
sooner, their retries would be given up: Dagster asks the server for the job of a retry.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.process_end import leave_memory_to_the_system
from market_assets.stack import ports

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

MESSAGE = "Its process was gone when the stack started: it was killed, or the machine went down."
# A daemon that looked while the server was away looks again within a minute (dagster 1.13.27).
SETTLE_SECONDS = 75.0


@dataclass(frozen=True, slots=True)
class Dead:
    """Whose runs are dead: all, or those of a location that were launched before a moment."""

    location: str | None = None
    before: float | None = None

    def holds(self, run: DagsterRun) -> bool:
        origin = run.remote_job_origin
        return self.location is None or (
            origin is not None and origin.location_name == self.location
        )

    def ended(self, record: RunRecord) -> bool:
        launched = record.start_time or record.update_timestamp.timestamp()
        return self.holds(record.dagster_run) and (self.before is None or launched < self.before)


def sweep(dead: Dead | None = None, after_port: int | None = None) -> dict[str, int]:
    """Mark dead runs failed (cancelled, if that was asked) and free what they held."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    dead = dead or Dead()
    failed = cancelled = freed = 0
    # The first to open it makes its tables: before anything else, for two at that get in each
    # other's way.
    with DagsterInstance.get() as instance:
        if after_port is not None:
            while not ports.accepts(after_port):
                time.sleep(1.0)
            time.sleep(SETTLE_SECONDS)
        alive = [
            DagsterRunStatus.STARTING,
            DagsterRunStatus.STARTED,
            DagsterRunStatus.CANCELING,
        ]
        for record in instance.get_run_records(RunsFilter(statuses=alive)):
            run = record.dagster_run
            if not dead.ended(record):
                continue
            if run.status is DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, MESSAGE)
                cancelled += 1
            else:
                instance.report_run_failed(run, MESSAGE)
                failed += 1
        for run_id in _holders(instance):
            kept = instance.get_run_record_by_id(run_id)
            # A run that is gone is nobody's: what it held is free.
            if kept is not None and not dead.ended(kept):
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m market_assets.defs.sweep")
    parser.add_argument("--location", help="only runs of this code location")
    parser.add_argument("--before", type=float, help="only runs launched before, Unix seconds")
    parser.add_argument("--after-port", type=int, help="wait until something listens there")
    given = parser.parse_args()
    leave_memory_to_the_system()
    found = sweep(Dead(given.location, given.before), given.after_port)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
