"""A person takes an alert upon themselves: reminders and escalation stop, its end is still told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from market_assets.errors import RequestInvalid, WarehouseBusy
from market_assets.schemas.alerts import Alert
from market_assets.warehouse.protocol import Warehouse

_TRIES = 5


def acknowledge(
    store: Warehouse, prefix: str, *, by: str, because: str, now: datetime
) -> tuple[Alert, bool]:
    """The alert whose id begins so, acknowledged, and whether that changed it."""
    doing = "Acknowledging an alert"
    for _ in range(_TRIES):
        version = store.alert_book().version
        alert = store.alert_named(prefix)
        if alert.state == "acknowledged":
            return alert, False
        if not alert.is_open:
            raise RequestInvalid(
                doing,
                f"{alert.alert_id} is {alert.state}, not firing: {alert.title}",
                "`market-assets alerts list` shows what fires",
            )
        taken = replace(
            alert,
            state="acknowledged",
            change="acknowledged",
            changed_by=by,
            because=because,
            changed_at=now,
            sequence=alert.sequence + 1,
        )
        if store.record_alerts([taken], (), version=version):
            return taken, True
    raise WarehouseBusy(
        doing, f"others changed the alerts {_TRIES} times meanwhile", "Run the same command again"
    )
