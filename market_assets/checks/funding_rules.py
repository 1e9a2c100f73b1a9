"""What is odd about settled funding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.checks.findings import Finding
from market_assets.checks.policy import MONTH_MS, Policy
from market_assets.checks.telling import each_row
from market_assets.schemas.timeline import HOUR_MS, MINUTE_MS, to_text

if TYPE_CHECKING:
    from market_assets.checks.scenes import FundingScene


def funding_off_schedule(scene: FundingScene, policy: Policy) -> list[Finding]:
    """Settled beside a whole hour, stamped far from its minute, or not yet due at all."""
    import numpy as np

    rows = scene.rows
    past = rows.times % HOUR_MS
    beside = np.minimum(past, HOUR_MS - past) / 1000
    drift = np.abs(rows["raw_timestamp"] - rows.times) / 1000
    ahead = np.maximum(rows.times - scene.now_ms, 0) / 1000
    limit = policy.funding_drift_seconds
    drifted = drift > limit

    def say(row: int) -> str:
        if ahead[row] > 0:
            return f"settles {ahead[row]:g} s in the future of {to_text(scene.now_ms)}"
        if beside[row] > 0:
            return f"settled {beside[row]:g} s beside a whole hour"
        return f"stamped {drift[row]:g} s away from its minute"

    return each_row(
        "funding_off_schedule",
        rows,
        drifted | (beside > 0) | (ahead > 0),
        MINUTE_MS,
        say,
        values=np.maximum(np.where(drifted, drift, 0.0), np.maximum(beside, ahead)),
        threshold=limit,
    )


def funding_interval_changed(scene: FundingScene, _policy: Policy) -> list[Finding]:
    """Another interval than the settlement before, or not as long ago as the interval says.

    Settlements more than thirty days apart are not compared. A distance of several intervals is no
    change: settlements are missing in between, and completeness tells of those.
    """
    import numpy as np

    rows, hours = scene.rows, scene.rows["interval_hours"]
    before = rows.before(hours, np.nan)
    apart = (rows.times - rows.before(rows.times, 0)).astype(float)
    near = ~rows.first_of_symbol() & (apart <= MONTH_MS)
    changed = near & np.isfinite(hours) & np.isfinite(before) & (hours != before)
    # A settlement is rounded to its minute: less than one is no difference.
    length = np.where(hours > 0, hours, np.nan) * HOUR_MS
    with np.errstate(all="ignore"):
        intervals = np.maximum(np.rint(apart / length), 1)
        contradicted = near & (np.abs(apart - intervals * length) >= MINUTE_MS)

    def say(row: int) -> str:
        if changed[row]:
            return f"settled every {hours[row]:g} h, {before[row]:g} h before"
        return (
            f"settled {apart[row] / HOUR_MS:g} h after the one before, not {hours[row]:g} h as"
            " its interval says"
        )

    return each_row(
        "funding_interval_changed",
        rows,
        changed | contradicted,
        MINUTE_MS,
        say,
        values=np.where(changed, hours, apart / HOUR_MS),
    )


def funding_outside_cap(scene: FundingScene, policy: Policy) -> list[Finding]:
    """A rate beyond the instrument's own cap or floor of that time; where it names none, beyond the
    ceiling of all."""
    import numpy as np

    rows, rate = scene.rows, scene.rows["funding_rate"]
    ceiling = policy.funding_ceiling
    cap, floor = np.full(len(rows), ceiling), np.full(len(rows), -ceiling)
    for symbol, where in rows.series():
        if symbol not in scene.listings.by_symbol:
            continue
        for row in range(where.start, where.stop):
            version = scene.listings.in_force(symbol, int(rows.times[row]))
            if version is not None and version.funding_cap is not None:
                cap[row] = version.funding_cap
            if version is not None and version.funding_floor is not None:
                floor[row] = version.funding_floor
    above, below = rate > cap, rate < floor

    limit = np.where(above, cap, floor)

    def say(row: int) -> str:
        side = "above the cap" if above[row] else "below the floor"
        return f"rate {rate[row]:g} is {side} of {limit[row]:g}"

    return each_row(
        "funding_outside_cap",
        rows,
        above | below,
        MINUTE_MS,
        say,
        values=rate,
        threshold=limit,
    )
