"""Failed runs as the watch sees them, read from Dagster's run storage a few new rows at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from market_assets.defs.partitions import window_of_key, window_of_tags
from market_assets.health.observed import FailedRun, Queue
from market_assets.schemas.timeline import Window
from sensors.run_work import EndedRun, joined, made_good_at
from sensors.unfinished import UNFINISHED

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
_PAGE = 250
# What a look reads at most: a day in which more runs ended than this is told by its newest.
_PAGES = 8
# Clocks of several processes write the times of runs: read a little of what is known again.
_OVERLAP = timedelta(seconds=30)
# The daemon that starts retries looks every few seconds. One that has not come by then never will.
_RETRY_WITHIN = timedelta(minutes=10)
_WILL_RETRY, _RETRIED_BY = "dagster/will_retry", "dagster/auto_retry_run_id"
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """What the log of a failed run says."""

    error: str
    done: Mapping[str, tuple[Window, ...]]


class RunsSeen:
    """The runs that ended lately. Keep it: a look only asks for what is new."""

    def __init__(self, kept: timedelta) -> None:
        self._kept = kept
        self._runs: dict[str, EndedRun] = {}
        self._failures: dict[str, Failure] = {}
        self._read_to: datetime | None = None

    def failed(self, instance: dg.DagsterInstance, now: datetime) -> tuple[FailedRun, ...]:
        """Every run that failed within the kept time, and what became of its work."""
        self._read(instance, now)
        found = []
        for run in self._runs.values():
            if run.succeeded:
                continue
            failure = self._failures.get(run.run_id) or _failure(instance, run)
            self._failures[run.run_id] = failure
            found.append(
                FailedRun(
                    run_id=run.run_id,
                    job=run.group,
                    target=run.target,
                    failed_at=run.ended_at,
                    error=failure.error,
                    succeeded_at=made_good_at(run, failure.done, self._runs.values()),
                    will_retry=run.will_retry and self._retry_is_near(instance, run, now),
                    venue=run.venue,
                )
            )
        return tuple(sorted(found, key=lambda one: (one.failed_at, one.run_id)))

    def _read(self, instance: dg.DagsterInstance, now: datetime) -> None:
        oldest = now - self._kept
        since = max(oldest, self._read_to - _OVERLAP) if self._read_to else oldest
        filters = dg.RunsFilter(statuses=_ENDED, updated_after=since)
        cursor: str | None = None
        for _ in range(_PAGES):
            records = instance.get_run_records(filters, limit=_PAGE, cursor=cursor)
            for record in records:
                run = ended_run(record)
                self._runs[run.run_id] = run
            if len(records) < _PAGE:
                break
            cursor = records[-1].dagster_run.run_id
        self._read_to = now
        self._runs = {i: run for i, run in self._runs.items() if run.ended_at >= oldest}
        self._failures = {i: known for i, known in self._failures.items() if i in self._runs}

    def _retry_is_near(self, instance: dg.DagsterInstance, run: EndedRun, now: datetime) -> bool:
        """Whether the retry is still to come or is there; its own end is told instead of this."""
        if now - run.ended_at < _RETRY_WITHIN:
            return True
        found = instance.get_run_by_id(run.run_id)
        return found is not None and _RETRIED_BY in found.tags


def queue(instance: dg.DagsterInstance) -> Queue:
    """How many runs wait, and how many are in progress."""
    waiting = instance.get_runs_count(dg.RunsFilter(statuses=_WAITING))
    unfinished = instance.get_runs_count(dg.RunsFilter(statuses=UNFINISHED))
    return Queue(queued=waiting, running=unfinished - waiting)


def ended_run(record: dg.RunRecord) -> EndedRun:
    run = record.dagster_run
    ended = record.end_time
    moment = (
        record.update_timestamp.replace(tzinfo=UTC)
        if ended is None
        else datetime.fromtimestamp(ended, UTC)
    )
    return EndedRun(
        run_id=run.run_id,
        job=run.job_name,
        assets=tuple(sorted(key.to_user_string() for key in run.asset_selection or ())),
        window=window_of_tags(run.tags),
        succeeded=run.status is dg.DagsterRunStatus.SUCCESS,
        ended_at=moment,
        will_retry=run.tags.get(_WILL_RETRY) == "true",
    )


def _failure(instance: dg.DagsterInstance, run: EndedRun) -> Failure:
    kinds = {
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.RUN_FAILURE,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
    }
    done: dict[str, list[Window]] = {}
    errors: list[str] = []
    for entry in instance.all_logs(run.run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_materialization and event.asset_key and event.partition:
            name = event.asset_key.to_user_string()
            done.setdefault(name, []).append(window_of_key(event.partition))
        elif event.is_step_failure:
            errors.append(_why_step(event))
        elif event.is_run_failure:
            errors.append(event.message or "")
    first = next((error for error in errors if error), "")
    return Failure(first_line(first), {name: joined(windows) for name, windows in done.items()})


def _why_step(event: dg.DagsterEvent) -> str:
    """What the step itself said, without Dagster's wrapping."""
    data = event.step_failure_data
    told = data.user_failure_data
    if told is not None and told.description:
        return told.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message if error is not None else ""


def first_line(text: str) -> str:
    """What an error says first, with what it counts where it only announces that."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
