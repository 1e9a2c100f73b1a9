"""Whether the platform is well, for a load balancer, an uptime monitor or a person with curl."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from market_assets.watch.snapshot import MISSED_LOOKS, Snapshot


@dataclass(frozen=True, slots=True)
class Health:
    """Well or not, and everything that speaks against it."""

    reasons: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def is_well(self) -> bool:
        return not self.reasons

    @property
    def body(self) -> dict[str, Any]:
        status = "healthy" if self.is_well else "unhealthy"
        return {"status": status, "reasons": list(self.reasons), **self.facts}


def health(snapshot: Snapshot | None, now: float) -> Health:
    """Unwell when nobody looks, or a critical alert fires.

    One that somebody has acknowledged is listed, but calls nobody else.
    """
    if snapshot is None:
        return Health(("the watch has not looked yet: is its sensor on?",), {"looked_at": None})
    age = now - snapshot.looked_at.timestamp()
    reasons = []
    if snapshot.is_old(now):
        when = f"{abs(age):.0f} s {'ago' if age >= 0 else 'in the future'}"
        limit = MISSED_LOOKS * snapshot.interval_seconds
        reasons.append(f"the watch looked last {when} (limit {limit} s)")
    if snapshot.problem:
        reasons.append(snapshot.problem)
    reasons += [
        f"critical: {alert.title}"
        for alert in snapshot.alerts
        if alert.severity == "critical" and alert.state == "firing"
    ]
    facts = {
        "looked_at": snapshot.looked_at.astimezone(UTC).isoformat(),
        "age_seconds": round(age, 1),
        "version": snapshot.version,
        "alerts": [
            {
                "id": alert.id,
                "rule": alert.rule,
                "scope": alert.scope,
                "severity": alert.severity,
                "state": alert.state,
                "title": alert.title,
                "began_at": alert.began_at.astimezone(UTC).isoformat(),
            }
            for alert in snapshot.alerts
        ],
        "undelivered": [
            {"channel": one.channel, "messages": one.messages, "error": one.error}
            for one in snapshot.failing
        ],
        "read_at": datetime.fromtimestamp(now, UTC).isoformat(),
    }
    return Health(tuple(reasons), facts)
