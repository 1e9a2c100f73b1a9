"""The life of an alert: pending, firing, acknowledged, resolved. A pure function of looks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from market_assets.alerts.grouping import Found, gather
from market_assets.alerts.quiet import elapsed, is_quiet
from market_assets.alerts.wording import title_of
from market_assets.schemas.alerts import Alert, AlertMember, MessageKind
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import ALERT_SEVERITIES, AlertSeverity
from market_assets.settings.alerts import AlertsSettings as Settings


@dataclass(frozen=True, slots=True)
class Change:
    """An alert as it is from now on, and what is to be told of that, if anything."""

    alert: Alert
    tell: MessageKind | None = None
    # What the message is about, where that is not all members: the news among events.
    news: tuple[AlertMember, ...] = ()


@dataclass(frozen=True, slots=True)
class Advance:
    """What a look changes."""

    alerts: tuple[Alert, ...]  # the newest of each key, changed or not
    changes: tuple[Change, ...]


def advance(
    known: Iterable[Alert], verdicts: Sequence[Verdict], settings: Settings, now: datetime
) -> Advance:
    """What becomes of the alerts (the newest of each key) after a look; each changes once."""
    alerts = {alert.key: alert for alert in known}
    changes: list[Change] = []
    for key, found in sorted(gather(verdicts, alerts, settings).items()):
        change = _step(key, alerts.get(key), found, settings, now)
        if change is not None:
            alerts[key] = change.alert
            changes.append(change)
    return Advance(tuple(alerts.values()), tuple(changes))


def _step(
    key: str, alert: Alert | None, found: Found, settings: Settings, now: datetime
) -> Change | None:
    if alert is None or alert.state == "resolved":
        return _begin(key, alert, found, settings, now) if found.members else None
    if not found.members:
        return _end(alert, found, now)
    if alert.state == "pending":
        return _fire_in_time(alert, found, settings, now)
    return _go_on(alert, found, settings, now)


def _begin(
    key: str, before: Alert | None, found: Found, settings: Settings, now: datetime
) -> Change | None:
    if before is not None and before.fired_at is not None:
        if found.is_event and not _news(before, found):
            return None  # it was told, however often it is looked at
        within = elapsed(before.changed_at, now) < timedelta(minutes=settings.cooldown_minutes)
        if within and not found.is_event:
            return _reopen(before, found, settings, now)
    sequence = 1 if before is None else before.sequence + 1
    began = min([now, *(member.since for member in found.members if member.since)])
    alert = Alert(
        alert_id=_identity(key, sequence, now),
        key=key,
        rule=found.rule,
        scope=found.scope,
        severity=found.severity,
        peak_severity=found.severity,
        state="pending",
        change="seen",
        title=title_of(found.rule, found.scope, found.members),
        members=found.members,
        began_at=began,
        changed_at=now,
        sequence=sequence,
        is_event=found.is_event,
    )
    if found.is_event:
        news = found.members if before is None else _news(before, found)
        return Change(replace(alert, **_told("fired", found, now)), "news", news)
    if _lasts(alert, settings, now):
        return Change(replace(alert, **_told("fired", found, now)), "fired")
    return Change(alert)


def _reopen(before: Alert, found: Found, settings: Settings, now: datetime) -> Change:
    """The old one goes on, without a word unless it is worse than what was told, or never ends."""
    if _is_worse(found.severity, before.peak_severity) or _flaps_on(before, settings, now):
        return Change(_next(before, now, found, **_told("reopened", found, now)), "fired")
    quietly = {"state": "firing", "change": "reopened", "reopened_at": now}
    return Change(_next(before, now, found, **quietly))


def _flaps_on(before: Alert, settings: Settings, now: datetime) -> bool:
    """People believe that it is over: what comes and goes all day is told as often as it would be
    if it had lasted."""
    pause = timedelta(minutes=max(settings.repeat_minutes, settings.cooldown_minutes))
    told = before.told_at or before.began_at
    return settings.repeat_minutes > 0 and elapsed(told, now) >= pause


def _end(alert: Alert, found: Found, now: datetime) -> Change:
    change = "silenced" if found.is_silenced else "resolved"
    if alert.state == "pending" and not found.is_silenced:
        change = "passed"
    ended = _next(alert, now, state="resolved", change=change)
    # Who hears of it is those who heard of its beginning, and not yet of this end.
    is_told = alert.state != "pending" and not alert.is_event and not found.is_silenced
    return Change(ended, "resolved" if is_told else None)


def _fire_in_time(alert: Alert, found: Found, settings: Settings, now: datetime) -> Change | None:
    if not found.is_failing or not _lasts(alert, settings, now):
        return None
    told = _told("fired", found, now)
    return Change(_next(alert, now, found, **told), "fired")


def _go_on(alert: Alert, found: Found, settings: Settings, now: datetime) -> Change | None:
    if found.is_event:
        return _more_events(alert, found, now)
    if _is_worse(found.severity, alert.peak_severity):
        # Who acknowledged a warning has not acknowledged this.
        return Change(_next(alert, now, found, **_told("worsened", found, now)), "fired")
    # What cannot be seen is usually hidden behind a larger trouble that is told of itself.
    if alert.state == "firing" and found.is_failing:
        told: dict[str, Any] = {"told_at": now, "reopened_at": None}
        if _is_to_be_escalated(alert, found, settings, now):
            escalated = {"change": "escalated", "escalated_at": now}
            return Change(_next(alert, now, found, **escalated, **told), "escalated")
        if _is_to_be_reminded(alert, found, settings, now):
            if alert.reopened_at is not None:
                told["fired_at"] = now  # the hour until it is escalated begins with its telling
            return Change(_next(alert, now, found, change="reminded", **told), "reminder")
    before = {member.name for member in alert.members}
    after = {member.name for member in found.members}
    if before != after:
        return Change(_next(alert, now, found, change="grew" if after - before else "shrank"))
    if found.severity != alert.severity:
        return Change(_next(alert, now, found, change="eased"))
    return None


def _more_events(alert: Alert, found: Found, now: datetime) -> Change | None:
    """Each event is told by itself: what is new of them is no detail of the old."""
    if news := _news(alert, found):
        return Change(_next(alert, now, found, change="grew", told_at=now), "news", news)
    if len(found.members) < len(alert.members):
        return Change(_next(alert, now, found, change="shrank"))
    return None


def _news(alert: Alert, found: Found) -> tuple[AlertMember, ...]:
    """The events that it has not told yet. One that happens again is another."""
    told = {(member.name, member.since) for member in alert.members}
    return tuple(member for member in found.members if (member.name, member.since) not in told)


def _is_to_be_escalated(alert: Alert, found: Found, settings: Settings, now: datetime) -> bool:
    since = alert.reopened_at or alert.fired_at
    return (
        found.severity == "critical"
        and alert.escalated_at is None
        and since is not None
        and bool(settings.routes.escalation and settings.escalate_minutes)
        and elapsed(since, now) >= timedelta(minutes=settings.escalate_minutes)
    )


def _is_to_be_reminded(alert: Alert, found: Found, settings: Settings, now: datetime) -> bool:
    if found.severity != "critical" and is_quiet(settings.quiet_hours, now):
        return False  # not held: one reminder at the end is enough
    if alert.reopened_at is not None:
        # People believe that it is over. A flap may be hidden from them, this is none any more.
        return elapsed(alert.reopened_at, now) >= timedelta(minutes=settings.cooldown_minutes)
    since = alert.told_at or alert.began_at
    repeat = timedelta(minutes=settings.repeat_minutes)
    return bool(repeat) and elapsed(since, now) >= repeat


def _lasts(alert: Alert, settings: Settings, now: datetime) -> bool:
    return elapsed(alert.began_at, now) >= timedelta(minutes=settings.for_minutes)


def _is_worse(severity: AlertSeverity, than: AlertSeverity) -> bool:
    return ALERT_SEVERITIES.index(severity) > ALERT_SEVERITIES.index(than)


def _told(change: str, found: Found, now: datetime) -> dict[str, Any]:
    return {
        "state": "firing",
        "change": change,
        "severity": found.severity,
        "peak_severity": found.severity,
        "fired_at": now,
        "told_at": now,
        "reopened_at": None,
    }


def _next(alert: Alert, now: datetime, found: Found | None = None, **changes: Any) -> Alert:
    if found is not None:
        changes = {
            "severity": found.severity,
            "members": found.members,
            "title": title_of(found.rule, found.scope, found.members),
        } | changes
    by: dict[str, Any] = {"changed_by": "watch", "because": "", "changed_at": now}
    return replace(alert, sequence=alert.sequence + 1, **(by | changes))


def _identity(key: str, sequence: int, now: datetime) -> str:
    return hashlib.sha256(f"{key}\n{sequence}\n{now.isoformat()}".encode()).hexdigest()[:16]
