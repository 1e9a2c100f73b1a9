"""What is odd about the life of a series: it falls silent, outlives its end, or is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.checks.findings import Finding
from market_assets.checks.policy import Policy
from market_assets.checks.telling import each_row, each_span
from market_assets.schemas.timeline import floor_to, to_text

if TYPE_CHECKING:
    from market_assets.checks.scenes import CandleScene

# A symbol of which the venue itself says so may be silent.
_SILENT = frozenset({"preopen", "halted", "settling", "delisted"})


def stale_symbol(scene: CandleScene, policy: Policy) -> list[Finding]:
    """Connected and silent: the last candles repeat one price, or stop while others go on."""
    found: list[Finding] = []
    for symbol, where in scene.rows.series():
        known = scene.listings.newest(symbol)
        if known is not None and known.status in _SILENT:
            continue
        ends = None if known is None else known.delisted_at
        finding = _repeating(scene, policy, symbol, where, ends) or _stopped(
            scene, policy, symbol, where, ends
        )
        if finding is not None:
            found.append(finding)
    return found


def _repeating(
    scene: CandleScene, policy: Policy, symbol: str, where: slice, ends: int | None
) -> Finding | None:
    """The symbol's last candles, if they have one price and no trades."""
    import numpy as np

    rows = scene.rows
    last = where.stop - 1
    if not rows.inside[last] or (ends is not None and rows.times[last] >= ends):
        return None
    price = rows["close"][last]
    silent = (rows["volume"][where] == 0) & ~(rows["num_trades"][where] > 0)
    for name in ("open", "high", "low", "close"):
        silent &= rows[name][where] == price
    loud = np.flatnonzero(~silent)
    first = where.start + (int(loud[-1]) + 1 if len(loud) else 0)
    count = where.stop - first
    if count < policy.stale_candles:
        return None
    since = int(rows.times[first])
    return Finding(
        symbol=symbol,
        at_ms=max(since, scene.window.start),
        until_ms=int(rows.times[last]) + scene.step,
        rule="stale_symbol",
        value=float(count),
        threshold=float(policy.stale_candles),
        detail=f"{count} candles repeat {price:g} without a trade since {to_text(since)}",
    )


def _stopped(
    scene: CandleScene, policy: Policy, symbol: str, where: slice, ends: int | None
) -> Finding | None:
    """How long the symbol has no candle while another of the venue has one."""
    rows, step = scene.rows, scene.step
    last = int(rows.times[where.stop - 1])
    others = [
        int(rows.times[elsewhere][lived][-1])
        for other, elsewhere in rows.series()
        if other != symbol and (lived := rows.times[elsewhere] <= scene.now_ms).any()
    ]
    until = max(others, default=last) + step
    if ends is not None:
        until = min(until, ends)
    count = (until - last) // step - 1
    if count < policy.stale_candles or until <= scene.window.start:
        return None
    return Finding(
        symbol=symbol,
        at_ms=max(last + step, scene.window.start),
        until_ms=until,
        rule="stale_symbol",
        value=float(count),
        threshold=float(policy.stale_candles),
        detail=f"no candle since {to_text(last)}, while others of the venue go on",
    )


def delisted_printing(scene: CandleScene, _policy: Policy) -> list[Finding]:
    """Candles that open at the end of their listing or later, before a next listing begins."""
    import numpy as np

    rows, step = scene.rows, scene.step
    dead = np.zeros(len(rows), dtype=bool)
    ends: dict[int, int] = {}
    for symbol, where in rows.series():
        listings = scene.listings.listings(symbol)
        for place, listing in enumerate(listings):
            if listing.delisted_at is None:
                continue
            after = rows.times[where] >= listing.delisted_at
            if place + 1 < len(listings):
                # The candle in which the next listing begins is the next one's.
                after &= rows.times[where] < floor_to(listings[place + 1].listed_at, step)
            dead[where] |= after
            for row in np.flatnonzero(after).tolist():
                ends[where.start + row] = listing.delisted_at

    def say(first: int, last: int) -> str:
        return f"{last - first + 1} candles after the delisting of {to_text(ends[first])}"

    return each_span("delisted_printing", rows, dead, step, say)


def ticker_reused(scene: CandleScene, policy: Policy) -> list[Finding]:
    """Candles under a name that is another instrument's now.

    Two signs. The venue lists the symbol anew: what opens before the newest of several listings is
    of an older one. Or the price changes its scale by more than `reuse_price_factor` from the last
    close before a gap, or before a listing, to the first open after it: nobody traded the way.
    """
    return sorted([*_before_the_newest_listing(scene), *_scale_changes(scene, policy)])


def _before_the_newest_listing(scene: CandleScene) -> list[Finding]:
    import numpy as np

    rows, step = scene.rows, scene.step
    older = np.zeros(len(rows), dtype=bool)
    begins: dict[str, int] = {}
    for symbol, where in rows.series():
        listings = scene.listings.listings(symbol)
        if len(listings) > 1:
            begins[symbol] = listings[-1].listed_at
            older[where] = rows.times[where] < floor_to(begins[symbol], step)

    def say(first: int, last: int) -> str:
        listed = to_text(begins[rows.symbol_of(first)])
        return f"{last - first + 1} candles of an older listing: the newest began {listed}"

    return each_span("ticker_reused", rows, older, step, say)


def _scale_changes(scene: CandleScene, policy: Policy) -> list[Finding]:
    import numpy as np

    rows, step, limit = scene.rows, scene.step, policy.reuse_price_factor
    before, opened = rows.before(rows["close"], np.nan), rows["open"]
    gap = rows.times - rows.before(rows.times, 0)
    boundary = gap > step
    for symbol, where in rows.series():
        for listing in scene.listings.listings(symbol):
            boundary[where] |= rows.times[where] == floor_to(listing.listed_at, step)
    priced = boundary & (before > 0) & (opened > 0)
    with np.errstate(all="ignore"):
        times = np.where(priced, np.maximum(opened / before, before / opened), np.nan)

    def say(row: int) -> str:
        return (
            f"opens at {opened[row]:g}, {times[row]:.4g} times away from the close of"
            f" {before[row]:g} before the gap of {gap[row] // 60_000} minutes"
        )

    return each_row("ticker_reused", rows, times > limit, step, say, values=times, threshold=limit)
