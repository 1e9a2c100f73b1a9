"""A desk without a store and without channels: rows in lists, and channels that work as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from alert_support import settings_for

from market_assets.alerts.delivery import outcome_of
from market_assets.alerts.messages import plan
from market_assets.alerts.state import advance
from market_assets.schemas.alerts import Alert, AlertDelivery
from market_assets.schemas.verdicts import Verdict


class PaperDesk:
    """Keeps every row, as the store does; what counts is the last of each."""

    def __init__(self, urls: Sequence[str] = ("ops",), **alerts: Any) -> None:
        self.settings = settings_for(Path("/nowhere"), dict.fromkeys(urls, ""), **alerts)
        self.rows: list[Alert] = []
        self.messages: list[AlertDelivery] = []
        self.broken: set[str] = set()

    @property
    def alerts(self) -> dict[str, Alert]:
        return {row.key: row for row in sorted(self.rows, key=lambda row: row.sequence)}

    @property
    def deliveries(self) -> tuple[AlertDelivery, ...]:
        ordered = sorted(self.messages, key=lambda message: message.sequence)
        return tuple({message.message_id: message for message in ordered}.values())

    def look(self, verdicts: Sequence[Verdict], now: datetime) -> list[str]:
        """The kinds of what `ops` (or another channel that is not the log) was sent."""
        alerts = self.settings.alerts
        step = advance(self.alerts.values(), verdicts, alerts, now)
        messages = plan(step, self.deliveries, alerts, now)
        self.rows += [change.alert for change in step.changes]
        self.messages += messages
        sending = [message for message in messages if message.outcome == "sending"]
        for message in sending:
            error = "broken" if message.channel in self.broken else ""
            self.messages.append(outcome_of(message, error, self.settings, now))
        return [f"{m.channel} {m.kind}" for m in sending if m.channel != "log"]

    def acknowledge(self, now: datetime) -> None:
        """All that fires."""
        for alert in self.alerts.values():
            if alert.state == "firing":
                taken = replace(alert, state="acknowledged", change="acknowledged", changed_at=now)
                self.rows.append(replace(taken, sequence=alert.sequence + 1))

    @property
    def states(self) -> dict[str, str]:
        return {key: alert.state for key, alert in self.alerts.items()}

    @property
    def only(self) -> Alert:
        [alert] = self.alerts.values()
        return alert
