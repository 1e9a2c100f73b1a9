"""Which messages go to which channel, now or later, and which are overtaken by events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from market_assets.alerts.quiet import elapsed, is_quiet, quiet_until
from market_assets.alerts.state import Advance, Change
from market_assets.alerts.wording import message_of
from market_assets.schemas.alerts import Alert, AlertDelivery, MessageKind
from market_assets.settings.alerts import LOG_CHANNEL
from market_assets.settings.alerts import AlertsSettings as Settings

# A message that is being sent for longer than all timeouts together is nobody's any more: the
# process died between its two records.
_SENDING_ENDS = timedelta(minutes=5)
_TOLD: tuple[MessageKind, ...] = ("fired", "reminder", "escalated")


def plan(
    step: Advance,
    deliveries: Sequence[AlertDelivery],
    settings: Settings,
    now: datetime,
    ui_url: str = "",
) -> list[AlertDelivery]:
    """The messages that change: those whose outcome is `sending` are to be sent now."""
    by_id = {alert.alert_id: alert for alert in step.alerts}
    new = [
        message
        for change in step.changes
        for message in _messages_of(change, deliveries, settings, now, ui_url)
    ]
    old = [
        message
        for delivery in deliveries
        if delivery.waits
        and (message := _go_on(delivery, by_id.get(delivery.alert_id), new, settings, now))
    ]
    return [*old, *new]


def channels_of(
    alert: Alert, kind: MessageKind, deliveries: Iterable[AlertDelivery], settings: Settings
) -> list[str]:
    """Who hears of it. The end is told to those who heard of the beginning, and to no others."""
    if kind == "resolved":
        return [name for name in configured(settings) if _heard(alert, name, deliveries)]
    routes = settings.routes
    names = {
        "info": routes.info,
        "warning": routes.warning,
        "critical": routes.critical,
    }[alert.severity]
    if kind == "escalated":
        names = routes.escalation
    if alert.rule == "delivery_failed":
        # The channel itself will not hear of it; the log always does.
        return [name for name in dict.fromkeys((LOG_CHANNEL, *names)) if name != alert.scope]
    return list(names)


def configured(settings: Settings) -> tuple[str, ...]:
    return (LOG_CHANNEL, *(channel.name for channel in settings.channels))


def pause_after(attempt: int, settings: Settings) -> timedelta:
    """It doubles, up to a day."""
    seconds = settings.delivery.first_pause_seconds * 2.0 ** (attempt - 1)
    return timedelta(seconds=min(seconds, 86_400.0))


def _heard(alert: Alert, channel: str, deliveries: Iterable[AlertDelivery]) -> bool:
    of_it = [
        delivery
        for delivery in deliveries
        if delivery.alert_id == alert.alert_id
        and delivery.channel == channel
        and delivery.was_heard
    ]
    begun = max((d.alert_sequence for d in of_it if d.kind in _TOLD), default=0)
    ended = max((d.alert_sequence for d in of_it if d.kind == "resolved"), default=0)
    return begun > ended


def _messages_of(
    change: Change,
    deliveries: Sequence[AlertDelivery],
    settings: Settings,
    now: datetime,
    ui_url: str,
) -> list[AlertDelivery]:
    if change.tell is None:
        return []
    alert = change.alert
    title, body = message_of(alert, change.tell, change.news, now, ui_url)
    return [
        _held_or_sent(
            AlertDelivery(
                message_id=f"{alert.alert_id}-{alert.sequence}-{channel}",
                alert_id=alert.alert_id,
                alert_sequence=alert.sequence,
                channel=channel,
                kind=change.tell,
                outcome="sending",
                attempt=1,
                changed_at=now,
                title=title,
                body=body,
            ),
            alert,
            settings,
            now,
        )
        for channel in channels_of(alert, change.tell, deliveries, settings)
    ]


def _held_or_sent(
    message: AlertDelivery, alert: Alert, settings: Settings, now: datetime
) -> AlertDelivery:
    if not _is_held(message.channel, alert, settings, now):
        return message
    until = quiet_until(settings.quiet_hours, now)
    return replace(message, outcome="held", attempt=0, due_at=until)


def _is_held(channel: str, alert: Alert | None, settings: Settings, now: datetime) -> bool:
    """The log wakes nobody; all else waits for the end of quiet hours unless it is critical."""
    is_urgent = alert is not None and alert.severity == "critical"
    return channel != LOG_CHANNEL and not is_urgent and is_quiet(settings.quiet_hours, now)


def _go_on(
    message: AlertDelivery,
    alert: Alert | None,
    new: Sequence[AlertDelivery],
    settings: Settings,
    now: datetime,
) -> AlertDelivery | None:
    """What becomes of a message that waits; None while it goes on waiting."""
    if message.outcome == "sending":
        if elapsed(message.changed_at, now) < _SENDING_ENDS:
            return None
        lost = "nobody knows whether it arrived: the platform ended while it was sent"
        return _next(message, now, outcome="unknown", error=lost)
    overtaken = _overtaken(message, alert, new, settings)
    if overtaken:
        return _next(message, now, outcome="dropped", error=overtaken, due_at=None)
    if _is_held(message.channel, alert, settings, now):
        return None
    if message.outcome == "failed" and not _is_due(message, now):
        return None
    return _next(message, now, outcome="sending", attempt=message.attempt + 1, due_at=None)


def _is_due(message: AlertDelivery, now: datetime) -> bool:
    if message.due_at is None or message.due_at <= now:
        return True
    return elapsed(message.changed_at, now) == timedelta.max  # dated by a clock that was wrong


def _overtaken(
    message: AlertDelivery, alert: Alert | None, new: Sequence[AlertDelivery], settings: Settings
) -> str:
    """Why it would be stale by now; empty when it is not."""
    if message.channel not in configured(settings):
        return "the channel is no longer configured"
    if alert is not None and alert.change == "silenced":
        return "the alert was silenced"
    if message.kind == "news":
        return ""
    if alert is None:
        return "the trouble began anew"
    if message.kind == "resolved":
        return "it fires again" if alert.is_open else ""
    if not alert.is_open:
        return "it was resolved before it could be told"
    if any(
        other.alert_id == message.alert_id and other.channel == message.channel for other in new
    ):
        return "a newer message tells the same"
    return ""


def _next(message: AlertDelivery, now: datetime, **changes: Any) -> AlertDelivery:
    return replace(
        message, **({"error": ""} | changes), sequence=message.sequence + 1, changed_at=now
    )
