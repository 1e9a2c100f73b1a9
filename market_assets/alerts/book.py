"""The desk's side of the store: read again only when somebody wrote, and nothing is lost to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery
from market_assets.settings import Settings
from market_assets.warehouse.opening import open_warehouse, version
from market_assets.warehouse.protocol import Warehouse

# A look comes every minute: one that waited longer for its turn to write would hold up the next.
_LOCK_SECONDS = 5.0


class BookKeeper:
    """Reads and writes what the store knows of alerts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Warehouse | None = None
        self._read_at = -1
        self._stored = AlertBook()
        self._owed: dict[str, AlertDelivery] = {}  # outcomes that the store could not take yet

    @property
    def owes(self) -> bool:
        """Whether the store lacks something that is known here."""
        return bool(self._owed)

    @property
    def last_known(self) -> AlertBook:
        """The book as it was when it was last read or written."""
        return with_changes(self._stored, (), tuple(self._owed.values()))

    def book(self) -> AlertBook:
        """How things stand. Free while nobody has written to the store since."""
        # What is open has its client at hand: on BigQuery to connect costs more than to ask.
        store = self._store
        written_at = version(self._settings) if store is None else store.version()
        if written_at != self._read_at:
            # A platform that has stored nothing yet has told nothing either.
            self._stored = self._open().alert_book() if written_at else AlertBook()
            self._read_at = written_at
        return self.last_known

    def record(
        self, alerts: Sequence[Alert], messages: Sequence[AlertDelivery], version: tuple[int, int]
    ) -> bool:
        """Store the changes of a look; False if others changed something since `version`."""
        self._read_at = -1
        owed = tuple(self._owed.values())
        if not self._open().record_alerts(alerts, [*owed, *messages], version=version):
            return False
        self._stored = with_changes(self._stored, alerts, [*owed, *messages])
        self._owed.clear()
        return True

    def settle(self, outcomes: Sequence[AlertDelivery]) -> str:
        """Store how messages went; what cannot be stored now comes with the next record."""
        self._read_at = -1
        try:
            self._open().record_alerts((), outcomes)
        except Exception as error:  # they have been sent: whatever it is, that is not forgotten
            self._owed |= {outcome.message_id: outcome for outcome in outcomes}
            return str(error) or type(error).__name__
        self._stored = with_changes(self._stored, (), outcomes)
        return ""

    def close(self) -> None:
        """Let go of the store; what it still lacks is kept."""
        if self._store is not None:
            self._store.close()
            self._store = None
        self._read_at = -1

    def _open(self) -> Warehouse:
        if self._store is None:
            patience = self._settings.warehouse.lock_timeout_seconds
            self._store = open_warehouse(
                self._settings, venues=(), lock_timeout_seconds=min(patience, _LOCK_SECONDS)
            )
        return self._store


def with_changes(
    book: AlertBook, alerts: Sequence[Alert], messages: Sequence[AlertDelivery]
) -> AlertBook:
    """The book after these have been added, but for its version."""
    if not alerts and not messages:
        return book
    tried = {m.channel: m for m in messages if m.outcome in {"sent", "failed", "given_up"}}
    return replace(
        book,
        alerts={**book.alerts, **{alert.key: alert for alert in alerts}},
        deliveries=tuple(
            (
                {m.message_id: m for m in book.deliveries} | {m.message_id: m for m in messages}
            ).values()
        ),
        channels={**book.channels, **tried},
    )
