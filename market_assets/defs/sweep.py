"""`python -m market_assets.defs.sweep`: end the runs that a killed stack left behind.

Dagster's own launcher has no health check: after kill -9 of everything, a run stays STARTED and
keeps its pool slot, so that every later run of the venue waits. This runs before the daemon starts,
when no run can be alive. Queued runs stay: the daemon goes on with them.
"""

from __future__ import annotations

import json
import sys

MESSAGE = "Its process was gone when the stack started: it was killed, or the machine went down."


def sweep() -> dict[str, int]:
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
            if run.status is DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, MESSAGE)
                cancelled += 1
            else:
                instance.report_run_failed(run, MESSAGE)
                failed += 1
        storage = instance.event_log_storage
        if storage.supports_global_concurrency_limits:
            # Nothing runs now, so whoever holds a slot is dead, also one that ended long ago.
            held = {
                slot.run_id
                for key in storage.get_concurrency_keys()
                for slot in storage.get_concurrency_info(key).claimed_slots
            }
            for run_id in held | storage.get_concurrency_run_ids():
                storage.free_concurrency_slots_for_run(run_id)
                freed += 1
    return {"failed": failed, "cancelled": cancelled, "freed": freed}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(sweep()) + "\n")
