"""Alerts as a warehouse keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery
from market_assets.warehouse import alerting, statements
from market_assets.warehouse.engine import Engine
from market_assets.warehouse.estimate import Scan, Statement
from market_assets.warehouse.metering import metered

_READS = Statement("alerts", (Scan("ops.alerts"), Scan("ops.alert_deliveries")))


def _read(*_: object, **__: object) -> list[Statement]:
    return [_READS]


class AlertRecords(Engine):
    """The part of a warehouse that remembers what was told."""

    @metered(statements.load)
    def record_alerts(
        self,
        alerts: Sequence[Alert],
        deliveries: Sequence[AlertDelivery],
        *,
        version: tuple[int, int] | None = None,
    ) -> bool:
        """Add changes; False, and nothing is added, if others did since the book of `version`."""
        return self._write(
            "Recording alerts",
            lambda connection: alerting.store_alerts(connection, alerts, deliveries, version),
            label="load",
        )

    def alert_book(self) -> AlertBook:
        """How alerts, their messages and their channels stand."""
        with self._session.reading("Reading the alerts", "alerts") as cursor:
            book = alerting.read_book(cursor)
        if book.version != (0, 0):
            self.note([_READS])  # to count rows is free
        return book

    @metered(_read)
    def alerts(self, *, open_only: bool = False) -> list[Alert]:
        """Each alert as it stands, the newest change first."""
        with self._session.reading("Reading the alerts", "alerts") as cursor:
            return alerting.read_alerts(cursor, open_only=open_only)

    @metered(_read)
    def alert_named(self, prefix: str) -> Alert:
        """The alert whose id begins so; a prefix that names none or several is refused."""
        with self._session.reading("Looking for an alert", "alerts") as cursor:
            return alerting.alert_named(cursor, prefix)

    @metered(_read)
    def alert_history(self, alert_id: str) -> tuple[list[Alert], list[AlertDelivery]]:
        """Every change of an alert, oldest first, and its messages as they stand."""
        with self._session.reading("Reading an alert's history", "alerts") as cursor:
            return alerting.read_history(cursor, alert_id)
