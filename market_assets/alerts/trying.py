"""A test message to each channel, for real; what it answers is kept as any message's outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from market_assets.alerts.delivery import deliver, outcome_of
from market_assets.alerts.messages import configured
from market_assets.errors import RequestInvalid
from market_assets.schemas.alerts import AlertDelivery
from market_assets.settings import Secrets, Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one test message."""

    channel: str
    message: AlertDelivery
    seconds: float

    @property
    def error(self) -> str:
        return self.message.error


def chosen_channels(settings: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """The named channels, or all; a name that is none of them is refused."""
    known = configured(settings.alerts)
    for name in names:
        if name not in known:
            raise RequestInvalid(
                "Testing alert channels",
                f"there is no channel {name!r}",
                f"Channels are {', '.join(known)}; more are added in alerts.channels",
            )
    return tuple(dict.fromkeys(names)) or known


def try_channel(settings: Settings, secrets: Secrets, channel: str, now: datetime) -> Answer:
    """Send one message that says that it is a test."""
    message = AlertDelivery(
        message_id=f"test-{now:%Y%m%d%H%M%S%f}-{channel}",
        alert_id="test",
        alert_sequence=0,
        channel=channel,
        kind="test",
        outcome="sending",
        attempt=1,
        changed_at=now,
        title=f"Test of the alert channel {channel}",
        body="Nothing is wrong: somebody ran `market-assets alerts test`.",
    )
    began = time.monotonic()
    error = deliver([message], settings, secrets)[message.message_id]
    seconds = time.monotonic() - began
    return Answer(channel, outcome_of(message, error, settings, now), seconds)
