"""Request budgets that are nearly used up, and venues that told us to be silent."""

from __future__ import annotations

from collections.abc import Iterator

from market_assets.health.limits import is_above
from market_assets.health.look import Look
from market_assets.health.observed import BucketUse, VenueGate
from market_assets.health.words import moment
from market_assets.schemas.verdicts import Verdict


def judge(look: Look) -> Iterator[Verdict]:
    for gate in look.observed.gates or ():
        for bucket in gate.buckets:
            yield _use(look, gate.venue, bucket)
        yield _pause(look, gate)


def _use(look: Look, venue: str, bucket: BucketUse) -> Verdict:
    limit, member = look.policy.budget_percent, bucket.name
    share = 100 * bucket.used / bucket.limit if bucket.limit > 0 else 100.0
    text = (
        f"{bucket.used} of {bucket.limit} in {bucket.seconds:g} s used, {share:.0f} %"
        f" (limit {limit:g})"
    )
    bad = is_above(look, "api_budget", venue, member, share, limit)
    return Verdict("api_budget", venue, member, "failing" if bad else "ok", text, share, limit)


def _pause(look: Look, gate: VenueGate) -> Verdict:
    if gate.paused_until is None or gate.paused_until <= look.now:
        return Verdict("api_budget", gate.venue, "pause", "ok", "requests may be sent")
    text = f"nobody asks {gate.venue} before {moment(gate.paused_until)}: {gate.reason}"
    return Verdict("api_budget", gate.venue, "pause", "failing", text)
