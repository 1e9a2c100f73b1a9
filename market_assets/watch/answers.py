"""How the venues answered lately, from ops.requests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from market_assets.health.observed import VenueAnswers
from market_assets.schemas.timeline import to_datetime
from market_assets.warehouse.sql import moment
from market_assets.watch.store import rows_of

if TYPE_CHECKING:
    from market_assets.warehouse.protocol import Warehouse

# The last good answer is looked for so far back: who was asked nothing for longer is "never".
_LOOK_BACK_MS = int(timedelta(days=3) / timedelta(milliseconds=1))


def venue_answers(warehouse: Warehouse, window: int, now: int) -> tuple[VenueAnswers, ...]:
    """Counts and p95 of the last `window` milliseconds; errors and percentile as ops_api_health."""
    within = f"requested_at >= {moment(now - window)}"
    rows = rows_of(
        warehouse,
        "WITH recent AS (SELECT venue, outcome, latency_ms, requested_at FROM ops.requests"
        f" WHERE requested_at >= {moment(now - max(window, _LOOK_BACK_MS))}),"
        " ends AS (SELECT venue, max(requested_at) FILTER (outcome = 'ok') AS last_ok,"
        " max(requested_at) FILTER (outcome <> 'ok') AS last_failed,"
        f" count(*) FILTER ({within}) AS requests FROM recent GROUP BY venue),"
        # The percentile between two values, which no function computes alike in every engine: of
        # all places only the two next to the wanted one have a weight.
        " placed AS (SELECT venue, latency_ms,"
        " row_number() OVER (PARTITION BY venue ORDER BY latency_ms) - 1 AS place,"
        " 0.95 * (count(*) OVER (PARTITION BY venue) - 1) AS wanted"
        f" FROM recent WHERE {within}),"
        " slow AS (SELECT venue,"
        " sum(latency_ms * greatest(0.0, 1.0 - abs(place - wanted))) AS p95"
        " FROM placed GROUP BY venue),"
        " failed AS (SELECT venue, outcome,"
        f" count(*) FILTER ({within}) AS in_window,"
        " count(*) FILTER (last_ok IS NULL OR requested_at > last_ok) AS since_ok"
        " FROM recent JOIN ends USING (venue) WHERE outcome <> 'ok' GROUP BY venue, outcome)"
        " SELECT venue, requests, p95, epoch_ms(last_ok) AS last_ok,"
        " epoch_ms(last_failed) AS last_failed, outcome, in_window, since_ok"
        " FROM ends LEFT JOIN failed USING (venue) LEFT JOIN slow USING (venue)"
        " ORDER BY venue, outcome",
    )
    found = {}
    for row in rows:
        mine = [other for other in rows if other["venue"] == row["venue"] and other["outcome"]]
        found[row["venue"]] = VenueAnswers(
            venue=row["venue"],
            requests=row["requests"],
            failed={r["outcome"]: r["in_window"] for r in mine if r["in_window"]},
            p95_latency_ms=row["p95"],
            last_ok_at=None if row["last_ok"] is None else to_datetime(row["last_ok"]),
            last_failed_at=None if row["last_failed"] is None else to_datetime(row["last_failed"]),
            failed_since_ok={r["outcome"]: r["since_ok"] for r in mine if r["since_ok"]},
            window_start=to_datetime(now - window),
        )
    return tuple(found.values())
