"""The last look as Prometheus' metric families."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from market_assets.settings.alerts import ALERT_RULES, ALERT_SEVERITIES
from market_assets.watch.exporter.last_look import LastLook
from market_assets.watch.gauges import LOOK_GAUGES
from market_assets.watch.snapshot import MISSED_LOOKS, Gauge, Snapshot

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# What the exporter adds to a look's own gauges.
EXPORTER_GAUGES: Mapping[str, str] = {
    "market_assets_last_look_timestamp_seconds": "When the watch looked last (Unix time; 0: never)",
    "market_assets_look_interval_seconds": "How often it is told to look",
    "market_assets_watch_up": f"1 while the last look is younger than {MISSED_LOOKS} intervals",
    "market_assets_open_alerts": "Alerts that have not been resolved",
    "market_assets_failing_verdicts": "Things that the last look found wrong, by rule",
    "market_assets_undelivered_messages": "Messages that a channel did not take",
    "market_assets_build_info": "Always 1; its label says which version looked",
}
GAUGES: Mapping[str, str] = {**LOOK_GAUGES, **EXPORTER_GAUGES}

_SERIES = ("venue", "dataset", "interval")
# The labels of those that have some; a test asks an exporter whether it is so.
LABELS: Mapping[str, tuple[str, ...]] = {
    "market_assets_data_age_seconds": (*_SERIES, "symbol"),
    "market_assets_ingestion_age_seconds": (*_SERIES, "symbol"),
    "market_assets_completeness_ratio": _SERIES,
    "market_assets_missing_rows": _SERIES,
    "market_assets_unasked_rows": _SERIES,
    "market_assets_recent_requests": ("venue",),
    "market_assets_recent_failed_requests": ("venue", "outcome"),
    "market_assets_error_ratio": ("venue",),
    "market_assets_request_latency_p95_seconds": ("venue",),
    "market_assets_request_budget_used_ratio": ("venue", "bucket"),
    "market_assets_venue_paused": ("venue",),
    "market_assets_failed_checks": ("severity",),
    "market_assets_backfills": ("state",),
    "market_assets_runs": ("state",),
    "market_assets_tick_age_seconds": ("kind", "name"),
    "market_assets_spend_today_by_label_dollars": ("label",),
    "market_assets_open_alerts": ("severity", "state"),
    "market_assets_failing_verdicts": ("rule",),
    "market_assets_undelivered_messages": ("channel",),
    "market_assets_build_info": ("version",),
}


class LookCollector:
    """What `prometheus_client` asks at each scrape."""

    def __init__(self, last_look: LastLook, clock: Callable[[], float] = time.time) -> None:
        self._last_look = last_look
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import Metric

        snapshot = self._last_look.read()
        families: dict[str, Metric] = {}
        for gauge in _all(snapshot, self._clock()):
            family = families.get(gauge.name)
            if family is None:
                # A look of another version may know a gauge that we do not.
                said = GAUGES.get(gauge.name, "A gauge of another version")
                family = families[gauge.name] = Metric(gauge.name, said, "gauge")
            family.add_sample(gauge.name, dict(gauge.labels), gauge.value)
        yield from families.values()


def _all(snapshot: Snapshot | None, now: float) -> Iterator[Gauge]:
    if snapshot is None:
        yield Gauge("market_assets_watch_up", 0.0)
        yield Gauge("market_assets_last_look_timestamp_seconds", 0.0)
        return
    at = snapshot.looked_at.timestamp()
    yield Gauge("market_assets_watch_up", 0.0 if snapshot.is_old(now) else 1.0)
    yield Gauge("market_assets_last_look_timestamp_seconds", at)
    yield Gauge("market_assets_look_interval_seconds", float(snapshot.interval_seconds))
    yield Gauge("market_assets_build_info", 1.0, {"version": snapshot.version})
    alerts = Counter((one.severity, one.state) for one in snapshot.alerts)
    for severity in ALERT_SEVERITIES:
        for state in ("firing", "acknowledged"):
            labels = {"severity": severity, "state": state}
            yield Gauge("market_assets_open_alerts", float(alerts[severity, state]), labels)
    failing = Counter(one.rule for one in snapshot.verdicts if one.state == "failing")
    for rule in ALERT_RULES:
        yield Gauge("market_assets_failing_verdicts", float(failing[rule]), {"rule": rule})
    for one in snapshot.failing:
        labels = {"channel": one.channel}
        yield Gauge("market_assets_undelivered_messages", float(one.messages), labels)
    # The last numbers of a watch that has died would stand still and look well.
    if not snapshot.is_old(now):
        yield from snapshot.gauges
