"""The desk: a look's verdicts come in; alerts advance, are recorded, told, and recorded again.

What is sent is recorded before it is sent, and how that went after it: a platform that dies in
between finds the message when it starts again, and does not send it twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from market_assets.alerts.book import BookKeeper, with_changes
from market_assets.alerts.delivery import deliver, outcome_of
from market_assets.alerts.health import FailingChannel, channel_verdicts, failing_channels
from market_assets.alerts.messages import plan
from market_assets.alerts.state import Advance, advance
from market_assets.errors import MarketAssetsError, WarehouseBusy
from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery
from market_assets.schemas.verdicts import Verdict
from market_assets.settings import Secrets, Settings
from market_assets.settings.alerts import LOG_CHANNEL

# Between reading and recording somebody may acknowledge something. Twice in a row is bad luck.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What a look changed, and how things stand after it."""

    open: tuple[Alert, ...] = ()  # firing or acknowledged
    changes: tuple[Alert, ...] = ()
    sent: int = 0
    failing: tuple[FailingChannel, ...] = ()
    unrecorded: str = ""  # why the store could not take this look; the next one tries again
    is_stuck: bool = False  # ... and it is not that others were busy with it

    @property
    def is_changed(self) -> bool:
        return bool(self.changes)


class Desk:
    """Tells people what changed. Keep one: it remembers what the store could not take yet."""

    def __init__(self, settings: Settings, secrets: Secrets, *, ui_url: str = "") -> None:
        self._settings = settings
        self._secrets = secrets
        self._ui_url = ui_url
        self._keeper = BookKeeper(settings)
        # Told without a record, because there could be none: alert, kind and channel.
        self._said: set[tuple[str, str, str]] = set()
        self._turn = threading.Lock()

    def tell(self, verdicts: Sequence[Verdict], now: datetime) -> Told:
        """Advance the alerts by one look and tell whom it concerns."""
        with self._turn:
            try:
                return self._tell(verdicts, now)
            except Exception as error:  # whatever is wrong with the store, people are told
                return self._tell_unrecorded(verdicts, now, error)

    def close(self) -> None:
        self._keeper.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, verdicts: Sequence[Verdict], now: datetime) -> Told:
        for _ in range(_TRIES):
            book = self._keeper.book()
            step, messages = self._next(book, verdicts, now)
            changes = tuple(change.alert for change in step.changes)
            if not changes and not messages and not self._keeper.owes:
                self._said.clear()
                return _told(step, book, ())
            if self._keeper.record(changes, messages, book.version):
                break
        else:
            raise WarehouseBusy(
                "Recording alerts",
                f"others changed the alerts {_TRIES} times meanwhile",
                "Nothing was told; the next look tries again",
            )
        sending = [message for message in messages if message.outcome == "sending"]
        if not sending:
            return _told(step, book, changes)
        errors = self._send(sending, step)
        outcomes = [
            outcome_of(message, errors[message.message_id], self._settings, now)
            for message in sending
        ]
        unrecorded = self._keeper.settle(outcomes)
        told = _told(step, with_changes(book, (), [*messages, *outcomes]), changes)
        sent = sum(outcome.outcome == "sent" for outcome in outcomes)
        return replace(told, sent=sent, unrecorded=unrecorded)

    def _next(
        self, book: AlertBook, verdicts: Sequence[Verdict], now: datetime
    ) -> tuple[Advance, list[AlertDelivery]]:
        alerts = self._settings.alerts
        look = [*verdicts, *channel_verdicts(book.channels, alerts)]
        step = advance(book.alerts.values(), look, alerts, now)
        return step, plan(step, book.deliveries, alerts, now, self._ui_url)

    def _send(self, sending: Sequence[AlertDelivery], step: Advance) -> dict[str, str]:
        """What was told already without a record is not told again."""
        keys = {alert.alert_id: alert.key for alert in step.alerts}
        said = {m.message_id: "" for m in sending if _name(keys, m) in self._said}
        self._said.clear()
        rest = [message for message in sending if message.message_id not in said]
        return said | deliver(rest, self._settings, self._secrets)

    def _tell_unrecorded(
        self, verdicts: Sequence[Verdict], now: datetime, error: Exception
    ) -> Told:
        """The store cannot take it: the log hears of it all the same, each thing once.

        A store that only others are busy with is there at the next look. One that cannot be written
        (a full disk) may be what the alert is about: what is critical is sent, at the risk that a
        restart sends it again.
        """
        is_passing = isinstance(error, MarketAssetsError) and error.retryable
        book = self._keeper.last_known
        step, messages = self._next(book, verdicts, now)
        urgent = {a.alert_id for a in step.alerts if a.severity == "critical"}
        keys = {alert.alert_id: alert.key for alert in step.alerts}
        names = {message.message_id: _name(keys, message) for message in messages}
        telling = [
            message
            for message in messages
            if message.outcome == "sending"
            and names[message.message_id] not in self._said
            and (message.channel == LOG_CHANNEL or (not is_passing and message.alert_id in urgent))
        ]
        errors = deliver(telling, self._settings, self._secrets)
        # What has calmed down meanwhile is forgotten: it would be news again.
        self._said &= set(names.values())
        self._said |= {names[message] for message, said in errors.items() if not said}
        sent = sum(not said for said in errors.values())
        return replace(
            _told(step, book, ()),
            sent=sent,
            unrecorded=str(error) or type(error).__name__,
            is_stuck=not is_passing,
        )


def _name(keys: dict[str, str], message: AlertDelivery) -> tuple[str, str, str]:
    return keys.get(message.alert_id, ""), message.kind, message.channel


def _told(step: Advance, book: AlertBook, changes: Sequence[Alert]) -> Told:
    return Told(
        tuple(sorted((a for a in step.alerts if a.is_open), key=lambda alert: alert.key)),
        tuple(changes),
        failing=failing_channels(book),
    )
