"""One look: observe, judge, tell, and leave a snapshot. It ends with a snapshot whatever fails.

What fails on the way becomes a `watch_failed` verdict with the error's message, and the rest of
the look goes on: a watch that dies of what it sees is none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from market_assets.health import Policy, evaluate, remembered
from market_assets.health.look import Look
from market_assets.health.observed import (
    Backfill,
    FailedRun,
    Observed,
    PreviousLook,
    Queue,
    Ticker,
)
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import ALERT_RULES
from market_assets.watch.facts import WAREHOUSE
from market_assets.watch.gauges import gauges
from market_assets.watch.memory import Memory, read_memory, write_memory
from market_assets.watch.observing import Observer
from market_assets.watch.snapshot import (
    FailingChannel,
    OpenAlert,
    Snapshot,
    read_snapshot,
    write_snapshot,
)

if TYPE_CHECKING:
    from market_assets.alerts.desk import Desk, Told
    from market_assets.schemas.alerts import Alert
    from market_assets.settings import Secrets, Settings

LOGGER = logging.getLogger("market_assets.watch")
# An installation that has stored nothing yet has no warehouse to look at: that is no failure.
_GRACE = timedelta(minutes=15)
# The desk's connection grows by 0.1 MB with each commit that it sees, as the observer's does.
_LOOKS_PER_DESK = 500


@dataclass(frozen=True, slots=True)
class Platform:
    """What the orchestrator knows; None is what could not be seen, and why is in `problems`."""

    failed_runs: tuple[FailedRun, ...] | None = None
    backfills: tuple[Backfill, ...] | None = None
    tickers: tuple[Ticker, ...] | None = None
    queue: Queue | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to."""

    observed: Observed
    verdicts: tuple[Verdict, ...]
    told: Told | None  # None when the desk itself failed


class Watch:
    """The watch of one installation in one process. Keep it: it remembers what has not changed."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        from market_assets.alerts.desk import Desk

        self._settings = settings
        self._observer = Observer(settings)
        self._desk: Desk = Desk(settings, secrets, ui_url=settings.ui_url)
        self._policy = Policy.of(settings)
        self._looks = 0
        # What no file could take, as on a full disk: else each look would miss those before it.
        self._unwritten: Snapshot | None = None
        self._unremembered: Memory | None = None
        self._stuck = ""  # why the last look could not be recorded, if it was no passing reason

    def look(self, now: datetime, platform: Platform | None = None) -> Looked:
        """Look once, and tell whom it concerns."""
        platform = platform or Platform()
        state = self._settings.state_dir
        known = self._unremembered or read_memory(state)
        previous = self._previous(known)
        memory = known or Memory(began_at=now)
        if Look(Observed(previous=previous), self._policy, now).hole_since is not None:
            memory = replace(memory, resumed_at=now)
        sight = self._observer.observe(now, memory)
        observed = replace(
            sight.observed,
            failed_runs=platform.failed_runs,
            backfills=platform.backfills,
            tickers=platform.tickers,
            queue=platform.queue,
            previous=previous,
        )
        problems = {**sight.problems, **platform.problems}
        verdicts = evaluate(observed, self._policy, now)
        is_new = now - memory.began_at < _GRACE and not self._observer.has_warehouse
        verdicts += _seeing(problems, is_new=is_new)
        is_told = WAREHOUSE in problems or any(
            verdict.rule == "disk_left" and verdict.state == "failing" for verdict in verdicts
        )
        verdicts.append(_recording(self._stuck, is_told=is_told))
        told = self._tell(verdicts, now)
        failing = remembered(verdicts, previous.failing if previous else frozenset())
        memory = replace(sight.memory, failing=tuple(sorted(failing)))
        if memory != known or self._unremembered:
            self._remember(memory)
        self._leave(self._snapshot(observed, verdicts, told, now))
        return Looked(observed, tuple(verdicts), told)

    def alerts(self) -> list[Alert]:
        """Every alert as it stands, the newest change first."""
        if not self._observer.has_warehouse:
            return []
        with self._observer.opened() as warehouse:
            return warehouse.alerts()

    def close(self) -> None:
        self._observer.close()
        self._desk.close()

    # -- inside

    def _previous(self, known: Memory | None) -> PreviousLook | None:
        last = self._unwritten or read_snapshot(self._settings.state_dir)
        if last is None:
            return None
        failing = frozenset(known.failing) if known else frozenset()
        return PreviousLook(last.looked_at, timedelta(seconds=last.interval_seconds), failing)

    def _tell(self, verdicts: list[Verdict], now: datetime) -> Told | None:
        self._looks += 1
        if self._looks % _LOOKS_PER_DESK == 0:
            self._desk.close()
        try:
            told = self._desk.tell(verdicts, now)
        except Exception:
            # Nobody can be told of it but through the log and the age of the alerts.
            LOGGER.exception("The desk failed: nothing was told of this look")
            return None
        self._stuck = told.unrecorded if told.is_stuck else ""
        if told.unrecorded:
            LOGGER.warning("What was told could not be recorded: %s", told.unrecorded)
        return told

    def _remember(self, memory: Memory) -> None:
        try:
            write_memory(self._settings.state_dir, memory)
        except OSError as error:
            # A full disk: the alert about it is out.
            LOGGER.warning("What the watch remembers could not be written: %s", error)
            self._unremembered = memory
        else:
            self._unremembered = None

    def _leave(self, snapshot: Snapshot) -> None:
        try:
            write_snapshot(self._settings.state_dir, snapshot)
        except OSError as error:
            # The exporter goes on with an older look, and says that it is old.
            LOGGER.warning("What the watch saw could not be left for others: %s", error)
            self._unwritten = snapshot
        else:
            self._unwritten = None

    def _snapshot(
        self, observed: Observed, verdicts: list[Verdict], told: Told | None, now: datetime
    ) -> Snapshot:
        return Snapshot(
            looked_at=now,
            interval_seconds=self._settings.alerts.interval_seconds,
            verdicts=tuple(verdicts),
            alerts=tuple(
                alert for one in (told.open if told else ()) if (alert := _open(one)) is not None
            ),
            gauges=tuple(gauges(observed, now)),
            problem="" if told else "the desk failed: nobody is told of alerts (see the log)",
            failing=tuple(
                FailingChannel(one.channel, one.messages, one.error)
                for one in (told.failing if told else ())
            ),
        )


def _open(alert: Alert) -> OpenAlert | None:
    """As others read it; an alert of a rule that is no more has nobody who would understand it."""
    rule = next((known for known in ALERT_RULES if known == alert.rule), None)
    if rule is None or not alert.is_open:
        return None
    return OpenAlert(
        id=alert.alert_id,
        rule=rule,
        scope=alert.scope,
        severity=alert.severity,
        state="acknowledged" if alert.state == "acknowledged" else "firing",
        title=alert.title,
        began_at=alert.began_at,
    )


def _seeing(problems: Mapping[str, str], *, is_new: bool) -> list[Verdict]:
    """What could not be seen, part by part."""
    if not problems:
        return [Verdict("watch_failed", "seeing", "", "ok", "everything could be seen")]
    return [
        Verdict(
            "watch_failed",
            "seeing",
            part,
            "unknown" if is_new and part == WAREHOUSE else "failing",
            f"it could not be seen: {why}",
            # Without it no other rule can tell anything, and no warning can be recorded.
            severity="critical" if part == WAREHOUSE else None,
        )
        for part, why in sorted(problems.items())
    ]


def _recording(stuck: str, *, is_told: bool) -> Verdict:
    """A store that takes no alerts takes no data either, and only what is critical gets out.

    A lost store or a full disk is told as such: this only follows from it.
    """
    text = f"alerts cannot be recorded: {stuck}" if stuck else "alerts can be recorded"
    state: Literal["ok", "failing", "unknown"] = "ok" if not stuck else "failing"
    if stuck and is_told:
        state = "unknown"
    return Verdict("watch_failed", "recording", "", state, text, severity="critical")
