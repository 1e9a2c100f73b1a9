"""What Dagster knows of itself, for the watch; a part that fails hides none of the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import dagster as dg

from sensors.backfills_seen import BackfillsSeen
from sensors.runs_seen import RunsSeen, queue
from sensors.ticks_seen import tickers

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.watch.looking import Platform

T = TypeVar("T")


class Orchestrator:
    """Keep it: what has ended is read once."""

    def __init__(self, settings: Settings, own_sensor: str) -> None:
        # What is older is no news any more; a little longer, so that its end is seen.
        kept = timedelta(hours=settings.alerts.limits.run_failures_hours + 1)
        self._runs = RunsSeen(kept)
        self._backfills = BackfillsSeen()
        self._own = own_sensor

    def see(
        self,
        instance: dg.DagsterInstance,
        repository: dg.RepositoryDefinition | None,
        now: datetime,
    ) -> Platform:
        from market_assets.watch.looking import Platform

        problems: dict[str, str] = {}

        def part(name: str, see: Callable[[], T]) -> T | None:
            try:
                return see()
            except Exception as error:
                problems[name] = str(error) or type(error).__name__
                return None

        return Platform(
            failed_runs=part("failed runs", lambda: self._runs.failed(instance, now)),
            backfills=part("backfills", lambda: self._backfills.see(instance, now)),
            tickers=part("ticks", lambda: tickers(instance, repository, now, self._own))
            if repository is not None
            else None,
            queue=part("the queue", lambda: queue(instance)),
            problems=problems,
        )
