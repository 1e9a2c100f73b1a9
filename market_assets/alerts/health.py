"""Whether channels can be reached, as verdicts like any others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from market_assets.schemas.alerts import AlertBook, AlertDelivery
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import AlertsSettings

# One failure is a hiccup that the retry may mend; the second is told to the other channels.
_FAILURES_TOLD = 2


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel whose newest message did not get through."""

    channel: str
    messages: int  # that wait for another attempt or were given up
    error: str  # the newest, without secrets


def failing_channels(book: AlertBook) -> tuple[FailingChannel, ...]:
    undelivered = [d.channel for d in book.deliveries if d.outcome in {"failed", "given_up"}]
    return tuple(
        FailingChannel(name, undelivered.count(name), newest.error)
        for name, newest in sorted(book.channels.items())
        if newest.outcome in {"failed", "given_up"}
    )


def channel_verdicts(
    newest: Mapping[str, AlertDelivery], settings: AlertsSettings
) -> list[Verdict]:
    """One verdict for each configured channel, from the newest attempt on it."""
    return [
        _verdict(channel.name, newest.get(channel.name), settings) for channel in settings.channels
    ]


def _verdict(channel: str, newest: AlertDelivery | None, settings: AlertsSettings) -> Verdict:
    if newest is None:
        return Verdict("delivery_failed", channel, "", "ok", "nothing was sent yet")
    if newest.outcome == "sent":
        return Verdict("delivery_failed", channel, "", "ok", "the newest message arrived")
    if newest.outcome == "failed" and newest.attempt < _FAILURES_TOLD:
        return Verdict("delivery_failed", channel, "", "unknown", "it is tried again")
    given_up = "; it was given up" if newest.outcome == "given_up" else ""
    return Verdict(
        "delivery_failed",
        channel,
        "",
        "failing",
        f"messages do not arrive: {newest.error}{given_up}",
        value=float(newest.attempt),
        limit=float(settings.delivery.attempts),
    )
