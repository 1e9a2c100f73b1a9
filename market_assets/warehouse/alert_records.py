"""Alerts as the embedded warehouse keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from market_assets.schemas.alerts import Alert, AlertBook, AlertDelivery
from market_assets.warehouse import alerting

if TYPE_CHECKING:
    from market_assets.warehouse.session import Session


class AlertRecords:
    """The part of the embedded warehouse that remembers what was told."""

    _session: Session

    def record_alerts(
        self,
        alerts: Sequence[Alert],
        deliveries: Sequence[AlertDelivery],
        *,
        version: tuple[int, int] | None = None,
    ) -> bool:
        """Add changes; False, and nothing is added, if others did since the book of `version`."""
        return self._session.write(
            "Recording alerts",
            lambda connection: alerting.store_alerts(connection, alerts, deliveries, version),
        )

    def alert_book(self) -> AlertBook:
        """How alerts, their messages and their channels stand."""
        with self._session.reading("Reading the alerts") as cursor:
            return alerting.read_book(cursor)

    def alerts(self, *, open_only: bool = False) -> list[Alert]:
        """Each alert as it stands, the newest change first."""
        with self._session.reading("Reading the alerts") as cursor:
            return alerting.read_alerts(cursor, open_only=open_only)

    def alert_named(self, prefix: str) -> Alert:
        """The alert whose id begins so; a prefix that names none or several is refused."""
        with self._session.reading("Looking for an alert") as cursor:
            return alerting.alert_named(cursor, prefix)

    def alert_history(self, alert_id: str) -> tuple[list[Alert], list[AlertDelivery]]:
        """Every change of an alert, oldest first, and its messages as they stand."""
        with self._session.reading("Reading an alert's history") as cursor:
            return alerting.read_history(cursor, alert_id)
