"""An alert and the messages that tell of it: what the store keeps and people are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from market_assets.settings.alerts import AlertSeverity

# Pending is wrong, but not yet for as long as `alerts.for_minutes` asks.
AlertState = Literal["pending", "firing", "acknowledged", "resolved"]
# News tell of an event: they need no end, and are never overtaken.
MessageKind = Literal["fired", "news", "reminder", "escalated", "resolved", "test"]
# Held waits for the end of quiet hours; dropped was overtaken by events; unknown may have arrived.
Outcome = Literal["held", "sending", "sent", "failed", "given_up", "dropped", "unknown"]


@dataclass(frozen=True, slots=True)
class AlertMember:
    """One thing that is wrong, within an alert."""

    name: str
    text: str
    value: float | None = None
    limit: float | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One trouble as it stands: a row of ops.alerts."""

    alert_id: str
    key: str  # rule and scope: at most one alert of a key is open
    rule: str  # not AlertRule: a rule of an older version may still be stored
    scope: str
    severity: AlertSeverity
    peak_severity: AlertSeverity  # the worst that was told: only more is told again
    state: AlertState
    change: str
    title: str
    members: tuple[AlertMember, ...]
    began_at: datetime
    changed_at: datetime
    sequence: int  # counts the changes of its key, whatever clocks say
    is_event: bool = False
    fired_at: datetime | None = None  # None while pending
    told_at: datetime | None = None
    escalated_at: datetime | None = None
    reopened_at: datetime | None = None  # it fires again, and nobody was told of that yet
    changed_by: str = "watch"
    because: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it fires, be it acknowledged or not."""
        return self.state in {"firing", "acknowledged"}


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """How one message to one channel stands: a row of ops.alert_deliveries."""

    message_id: str
    alert_id: str
    alert_sequence: int  # the change of the alert that it tells of
    channel: str
    kind: MessageKind
    outcome: Outcome
    changed_at: datetime
    title: str
    body: str
    sequence: int = 1  # counts the changes of the message
    attempt: int = 0
    error: str = ""
    due_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether something is still to become of it."""
        return self.outcome in {"held", "sending", "failed"}

    @property
    def was_heard(self) -> bool:
        """Whether the channel has it, or may have it."""
        return self.outcome in {"sent", "unknown", "sending"}


@dataclass(frozen=True, slots=True)
class AlertBook:
    """What the store knows of alerts."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)  # key -> its newest, open or not
    # The messages of these alerts, and all others that wait, each as it stands.
    deliveries: tuple[AlertDelivery, ...] = ()
    # How the newest attempt on each channel went.
    channels: Mapping[str, AlertDelivery] = field(default_factory=dict)
    # Rows stored when this was read: the tables only grow, so that it says whether others wrote.
    version: tuple[int, int] = (0, 0)
