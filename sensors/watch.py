"""The watch: looks at the platform each minute, tells what is wrong, and shows it in the UI."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs.alerts import alerts_materialization
from market_assets.defs.freshness import freshness_evaluation
from sensors.orchestrator import Orchestrator

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.watch.looking import Looked, Watch

NAME = "watch"
ALERTS = "alerts"
# Asset or table -> how the UI shows it.
Shown = dict[str, bool | str]
Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def watch_sensor(settings: Settings) -> dg.SensorDefinition:
    """One look each alerts.interval_seconds."""
    eyes = _Eyes(settings)

    @dg.sensor(
        name=NAME,
        default_status=(
            dg.DefaultSensorStatus.RUNNING
            if settings.alerts.enabled
            else dg.DefaultSensorStatus.STOPPED
        ),
        minimum_interval_seconds=settings.alerts.interval_seconds,
        description=(
            "Looks at data, venues, runs, ticks, storage and cost, judges them by the rules of"
            " docs/reference/alerts.md, and tells the channels of alerts.routes what changed. Shows"
            " the alerts at ops/alerts, and freshness at the raw assets."
        ),
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        looked = eyes.look(context, now)
        shown: Shown = json.loads(context.cursor or "{}")
        events = list(eyes.events(looked, shown, now))
        context.update_cursor(json.dumps(shown, sort_keys=True))
        if looked.told is None:
            # Fails the tick, so that Dagster's own page shows it too.
            raise RuntimeError("the desk failed, nobody was told of this look: see the log")
        if not events:
            return dg.SkipReason(_in_short(looked))
        return dg.SensorResult(asset_events=events)

    return watch


class _Eyes:
    """What one process keeps between looks; made when it looks first, because it is heavy."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._orchestrator = Orchestrator(settings, NAME)
        self._watch: Watch | None = None

    def look(self, context: dg.SensorEvaluationContext, now: datetime) -> Looked:
        from market_assets.settings import load_secrets
        from market_assets.watch.looking import Watch

        if self._watch is None:
            self._watch = Watch(self._settings, load_secrets())
        platform = self._orchestrator.see(context.instance, context.repository_def, now)
        return self._watch.look(now, platform)

    def events(self, looked: Looked, shown: Shown, now: datetime) -> Iterator[Event]:
        """What the UI does not show yet. `shown` is what it does, and is brought up to date."""
        from market_assets.health import Policy
        from market_assets.watch.fresh_tables import fresh_tables

        if self._settings.alerts.severity("freshness") != "off":
            tables = fresh_tables(looked.observed, Policy.of(self._settings), now) or {}
            for (venue, dataset), table in tables.items():
                name = f"{venue}_{dataset}"
                if shown.get(name) != table.passed:
                    shown[name] = table.passed
                    yield freshness_evaluation(self._settings, table)
        # Alerts that could not be recorded cannot be read either.
        if looked.told is not None and not looked.told.unrecorded:
            assert self._watch is not None
            # People change alerts, too. That nothing fires is shown once: an empty page would not
            # tell that the watch works.
            stand = " ".join(f"{alert.alert_id}:{alert.sequence}" for alert in looked.told.open)
            if looked.told.is_changed or shown.get(ALERTS) != stand:
                shown[ALERTS] = stand
                yield alerts_materialization(self._watch.alerts(), now)


def _in_short(looked: Looked) -> str:
    """What the tick shows when nothing changed."""
    states: Mapping[str, int] = {
        state: sum(verdict.state == state for verdict in looked.verdicts)
        for state in ("ok", "failing", "unknown")
    }
    fires = len(looked.told.open) if looked.told else 0
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"nothing changed: {fires} alerts fire ({counted})"
