"""Starts runs for what is missing, within limits; what is given up is told as a failed check."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs.names import REPAIR_TAG, raw_key
from market_assets.defs.partitions import hour_key
from market_assets.schemas.datasets import DATASETS
from market_assets.schemas.timeline import HOUR_MS, to_text
from sensors.unfinished import UNFINISHED

if TYPE_CHECKING:
    from market_assets.quality.repair_plan import Repair, RepairPlan
    from market_assets.settings import Settings
    from market_assets.warehouse.contract import RepairAttempt

NAME = "repair_missing"
_SECONDS_APART = 60
_NAMED = 20


def repair_sensor(settings: Settings) -> dg.SensorDefinition:
    """Asks again for what runs left missing, with doubling pauses, from the archive too."""

    @dg.sensor(
        name=NAME,
        target=dg.AssetSelection.assets(
            *(
                raw_key(venue, DATASETS[dataset])
                for venue in settings.enabled_venues
                for dataset in ("ohlcv", "funding_rates")
            )
        ),
        default_status=(
            dg.DefaultSensorStatus.RUNNING
            if settings.quality.repair.enabled
            else dg.DefaultSensorStatus.STOPPED
        ),
        minimum_interval_seconds=_SECONDS_APART,
        description=(
            "Starts repair runs for intervals that ops.gaps holds as missing: by the API, then"
            " from the venue's archive. Attempts, age and runs a day are limited by"
            " quality.repair; what is given up fails the asset's completeness check."
        ),
    )
    def repair_missing(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        seen = Seen.read(context.cursor)
        written = _written_at(settings)
        if seen.written == written and now.timestamp() < seen.look_again:
            return dg.SkipReason("nothing is to be repaired yet")
        busy = _busy(context.instance)
        plan = _plan(settings, now, busy)
        if isinstance(plan, str):
            return dg.SkipReason(plan)
        # What this tick records counts as seen; a busy table is looked at again in a minute.
        again = plan.next_look.timestamp() if plan.next_look else float("inf")
        if busy:
            again = min(again, now.timestamp() + _SECONDS_APART)
        context.update_cursor(Seen(_written_at(settings), again).text())
        for venue in plan.out_of_budget:
            context.log.warning(
                f"{venue} has used up its repair runs of the day (quality.repair.runs_a_day):"
                " the rest waits"
            )
        for attempt in plan.given_up:
            context.log.error(f"Given up: {_named(attempt)}: {attempt.detail}")
        if not plan.repairs and not plan.given_up:
            return dg.SkipReason("nothing is to be repaired yet")
        return dg.SensorResult(
            run_requests=[_request(repair) for repair in plan.repairs],
            asset_events=list(_failures(plan.given_up)),
        )

    return repair_missing


@dataclass(frozen=True)
class Seen:
    """What the last look saw: most ticks can tell from files alone that nothing has changed."""

    written: int = -1
    look_again: float = 0.0

    @classmethod
    def read(cls, cursor: str | None) -> Seen:
        return cls(*json.loads(cursor)) if cursor else cls()

    def text(self) -> str:
        return json.dumps([self.written, self.look_again])


def _plan(settings: Settings, now: datetime, busy: set[dg.AssetKey]) -> RepairPlan | str:
    """What to start and to give up, already recorded; or why nobody could look."""
    # duckdb is for the process that evaluates sensors, not for every process that loads them.
    from dataclasses import replace

    from market_assets.errors import MarketAssetsError
    from market_assets.quality.repair import look
    from market_assets.quality.repair_plan import started
    from market_assets.warehouse.metering import charged_to
    from market_assets.warehouse.opening import open_warehouse

    try:
        with charged_to(label="watch"), open_warehouse(settings, read_only=True) as warehouse:
            plan = look(settings, warehouse, now)
        free = tuple(r for r in plan.repairs if _key(r) not in busy)
        plan = replace(plan, repairs=free)
        attempts = [a for repair in free for a in started(repair, now)]
        if attempts or plan.given_up:
            # Recorded first: a run that cannot be started costs an attempt, and is not forgotten.
            with open_warehouse(settings, venues=()) as warehouse:
                warehouse.record_repairs([*attempts, *plan.given_up])
    except MarketAssetsError as error:
        return str(error)
    return plan


def _written_at(settings: Settings) -> int:
    from market_assets.warehouse.opening import version

    return version(settings)


def _busy(instance: dg.DagsterInstance) -> set[dg.AssetKey]:
    """The raw assets that some run is working on: that run may bring what is missing."""
    return {
        key
        for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        for key in run.asset_selection or ()
        if key.path[0] == "raw"
    }


def _key(repair: Repair) -> dg.AssetKey:
    return raw_key(repair.venue, DATASETS[repair.dataset])


def _request(repair: Repair) -> dg.RunRequest:
    first, last = hour_key(repair.window.start), hour_key(repair.window.end - HOUR_MS)
    return dg.RunRequest(
        run_key=f"{repair.venue} {repair.dataset} {first} {last} {repair.attempt}",
        asset_selection=[_key(repair)],
        tags={
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
            # The attempts are ours to count.
            "dagster/max_retries": "0",
            "trigger": "repair",
            "market-assets/attempt": str(repair.attempt),
            REPAIR_TAG: "true",
        },
    )


def _failures(given_up: Iterable[RepairAttempt]) -> Iterable[dg.AssetCheckEvaluation]:
    """Giving up is loud: the completeness check of the table fails and names the intervals."""
    tables: dict[dg.AssetKey, list[RepairAttempt]] = {}
    for attempt in given_up:
        key = raw_key(attempt.span.venue, DATASETS[attempt.span.dataset])
        tables.setdefault(key, []).append(attempt)
    for key, attempts in tables.items():
        counts = Counter(attempt.span.symbol for attempt in attempts)
        yield dg.AssetCheckEvaluation(
            asset_key=key,
            check_name="completeness",
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{len(attempts)} missing intervals were given up",
            metadata={
                "counts": dg.MetadataValue.json(dict(counts)),
                "given_up": dg.MetadataValue.md(
                    "\n".join(f"- {_named(a)}: {a.detail}" for a in attempts[:_NAMED])
                ),
                "what to do": "Backfill these hours by hand, or see ops.repairs and ops.gaps",
            },
        )


def _named(attempt: RepairAttempt) -> str:
    span = attempt.span
    what = f"{span.venue} {span.dataset} {span.interval} {span.symbol}".replace("  ", " ")
    return f"{what} {to_text(span.window.start)} .. {to_text(span.window.end)}"
