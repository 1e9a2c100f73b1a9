"""The alerts as an asset: who fires, who fired lately, and when, as a table and a picture."""

# No `from __future__ import annotations` here: Dagster reads the types of the asset's function.
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs import markdown, pictures
from market_assets.defs.describe import OWNERS, kinds
from market_assets.defs.resources import open_warehouse
from market_assets.schemas.timeline import Window, to_ms
from market_assets.settings import Settings
from market_assets.settings.alerts import ALERT_SEVERITIES

if TYPE_CHECKING:
    from market_assets.schemas.alerts import Alert

ALERTS = dg.AssetKey(["ops", "alerts"])
_DAYS = timedelta(days=7)
_SHOWN = 30
_COLOURS = {"info": "#a9c7e8", "warning": "#f2b134", "critical": "#c2185b"}


def alerts_asset(settings: Settings) -> dg.AssetsDefinition:
    """Materialised by the watch whenever an alert changes, and by a click."""

    @dg.asset(
        key=ALERTS,
        group_name="operations",
        description=(
            "Every alert: what fires now, what fired in the last week, and when. The sensor `watch`"
            " looks at the platform, tells the channels of `alerts.routes`, and shows the changes"
            " here. Acknowledge with `market-assets alerts ack`."
        ),
        metadata={"dagster/table_name": "ops.alerts"},
        owners=OWNERS,
        kinds=kinds(settings),
        tags={"layer": "operations"},
    )
    def alerts() -> dg.MaterializeResult[None]:
        with open_warehouse(settings, read_only=True) as warehouse:
            known = warehouse.alerts()
        return dg.MaterializeResult(metadata=alerts_metadata(known, datetime.now(UTC)))

    return alerts


def alerts_materialization(known: Sequence["Alert"], now: datetime) -> dg.AssetMaterialization:
    """The same without a run, for the sensor."""
    return dg.AssetMaterialization(
        ALERTS,
        description="The alerts changed",
        metadata=alerts_metadata(known, now),
    )


def alerts_metadata(known: Sequence["Alert"], now: datetime) -> Mapping[str, dg.MetadataValue]:
    """What fires first, then the picture and the table of the last week, and counts to plot."""
    opened = [alert for alert in known if alert.is_open]
    since = now - _DAYS
    recent = [a for a in known if a.fired_at is not None and (a.is_open or a.changed_at >= since)]
    counts = Counter(alert.severity for alert in opened)
    title = "Alerts of the last 7 days"
    return {
        "firing": dg.MetadataValue.md(_table(opened) if opened else "Nothing fires."),
        "timeline": dg.MetadataValue.md(
            pictures.markdown(title, _timeline(title, recent, Window.of(since, now)))
        ),
        "lately": dg.MetadataValue.md(_table(recent) if recent else "Nothing fired."),
        "open": dg.MetadataValue.int(len(opened)),
        **{name: dg.MetadataValue.int(counts[name]) for name in ALERT_SEVERITIES},
        "fired_in_7_days": dg.MetadataValue.int(
            sum(alert.fired_at >= since for alert in recent if alert.fired_at)
        ),
    }


def _table(alerts: Sequence["Alert"]) -> str:
    names = ("severity", "what", "state", "since (UTC)", "id")
    rows = (
        (
            alert.severity,
            alert.title,
            alert.state,
            f"{alert.began_at:%m-%d %H:%M}",
            alert.alert_id[:8],
        )
        for alert in alerts[:_SHOWN]
    )
    return markdown.table(names, rows)


def _timeline(title: str, alerts: Sequence["Alert"], window: Window) -> str:
    rows: dict[str, list[pictures.Bar]] = {}
    for alert in alerts[:_SHOWN]:
        # A trouble may have begun long before it was noticed.
        start = to_ms(alert.fired_at or alert.began_at)
        end = window.end if alert.is_open else to_ms(alert.changed_at)
        bar = pictures.Bar(start, max(start, end), _COLOURS[alert.severity])
        rows.setdefault(alert.key, []).append(bar)
    return pictures.timeline(title, rows, window)
