"""What has to tick by itself: Dagster's daemons by their heartbeats, schedules, sensors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickStatus
from dagster._utils.schedules import schedule_execution_time_iterator

from market_assets.health.observed import Ticker
from sensors.runs_seen import first_line

# How often the daemons tell that they live (dagster 1.13, DEFAULT_HEARTBEAT_INTERVAL_SECONDS).
_HEARTBEAT = timedelta(seconds=30)
_ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]


def tickers(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, now: datetime, own: str
) -> tuple[Ticker, ...]:
    """All of them but the watch's own sensor: while it looks, it ticks."""
    states = _states(instance)
    return (
        *_daemons(instance),
        *(_schedule(instance, one, states.get(one.name), now) for one in repository.schedule_defs),
        *(
            _sensor(instance, one, states.get(one.name))
            for one in repository.sensor_defs
            if one.name != own
        ),
    )


def _daemons(instance: dg.DagsterInstance) -> Iterator[Ticker]:
    beats = instance.get_daemon_heartbeats()
    for kind in instance.get_required_daemon_types():
        beat = beats.get(kind)
        # Its errors are those of the ticks that it started, and they tell of them themselves.
        yield Ticker(
            "daemon",
            kind.lower(),
            last_tick_at=None if beat is None else _moment(beat.timestamp),
            due_every=_HEARTBEAT,
        )


def _schedule(
    instance: dg.DagsterInstance,
    schedule: dg.ScheduleDefinition,
    state: InstigatorState | None,
    now: datetime,
) -> Ticker:
    default = schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    last, error = _last_tick(instance, state)
    data = state.instigator_data if state is not None else None
    started = getattr(data, "start_timestamp", None)
    on_since = None if started is None else _moment(started)
    # What was due before it was turned on is not due any more.
    since = max((at for at in (last, on_since) if at is not None), default=None)
    return Ticker(
        "schedule",
        schedule.name,
        is_on=_is_on(state, default=default),
        on_since=on_since,
        last_tick_at=last,
        next_due_at=_next_due(schedule, since or now),
        last_error=error,
    )


def _sensor(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, state: InstigatorState | None
) -> Ticker:
    default = sensor.default_status is dg.DefaultSensorStatus.RUNNING
    last, error = _last_tick(instance, state)
    data = state.instigator_data if state is not None else None
    started = getattr(data, "last_sensor_start_timestamp", None)
    return Ticker(
        "sensor",
        sensor.name,
        is_on=_is_on(state, default=default),
        on_since=None if started is None else _moment(started),
        last_tick_at=last,
        due_every=timedelta(seconds=sensor.minimum_interval_seconds or 30),
        last_error=error,
    )


def _states(instance: dg.DagsterInstance) -> dict[str, InstigatorState]:
    """By name, the newest of each: a code server on another port leaves another state behind."""
    found: dict[str, InstigatorState] = {}
    for state in instance.all_instigator_state():
        known = found.get(state.instigator_name)
        if known is None or _age(state) >= _age(known):
            found[state.instigator_name] = state
    return found


def _age(state: InstigatorState) -> float:
    data = state.instigator_data
    names = ("last_tick_timestamp", "last_iteration_timestamp", "start_timestamp")
    return max((getattr(data, name, None) or 0.0 for name in names), default=0.0)


def _is_on(state: InstigatorState | None, *, default: bool) -> bool:
    if state is None or state.status is InstigatorStatus.DECLARED_IN_CODE:
        return default
    return state.status is not InstigatorStatus.STOPPED


def _last_tick(
    instance: dg.DagsterInstance, state: InstigatorState | None
) -> tuple[datetime | None, str]:
    """When the newest tick that has ended began, and what went wrong with it."""
    if state is None:
        return None, ""
    ticks = instance.get_ticks(
        state.instigator_origin_id, state.selector_id, limit=1, statuses=_ENDED
    )
    if not ticks:
        return None, ""
    [tick] = ticks
    failed = tick.status is TickStatus.FAILURE
    error = first_line(tick.error.message) if failed and tick.error is not None else ""
    return _moment(tick.timestamp), error or ("no message" if failed else "")


def _next_due(schedule: dg.ScheduleDefinition, since: datetime) -> datetime:
    times = schedule_execution_time_iterator(
        # The moment itself has ticked.
        since.timestamp() + 1,
        schedule.cron_schedule,
        schedule.execution_timezone,
    )
    return next(times).astimezone(UTC)


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
