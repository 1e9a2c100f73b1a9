"""Rows that nobody has fetched yet and that the venue will soon not give any more.

What has fallen off already cannot be saved: it is told once, as an event, and no longer counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from market_assets.health.look import Look
from market_assets.health.observed import Horizon
from market_assets.health.words import length, moment
from market_assets.schemas.verdicts import Verdict

ONE_DAY = timedelta(days=1)


def judge(look: Look) -> Iterator[Verdict]:
    for horizon in look.observed.horizons or ():
        yield _falling(look, horizon)
        yield from _fallen(look, horizon)


def _falling(look: Look, horizon: Horizon) -> Verdict:
    scope, member = f"{horizon.venue} {horizon.dataset}", horizon.symbol
    edge, limit = look.now - horizon.keeps, look.policy.horizon / ONE_DAY
    left = [(max(start, edge), end) for start, end in horizon.unfetched if end > edge]
    if not left:
        text = f"all that {horizon.venue} still gives is here"
        return Verdict("history_horizon", scope, member, "ok", text, None, limit)
    oldest, until = min(left)
    days = (oldest - edge) / ONE_DAY
    text = (
        f"not fetched: {moment(oldest)} to {moment(until)}; {horizon.venue} gives"
        f" {length(horizon.keeps)} and forgets the first of it in {length(oldest - edge)}"
        f" (limit {limit:g} d)"
    )
    if days >= limit:
        return Verdict("history_horizon", scope, member, "ok", text, days, limit)
    if look.is_catching_up:
        text += "; the platform has just started"
        return Verdict("history_horizon", scope, member, "unknown", text, days, limit)
    return Verdict("history_horizon", scope, member, "failing", text, days, limit)


def _fallen(look: Look, horizon: Horizon) -> Iterator[Verdict]:
    """Spans whose last row has fallen off since the look before.

    What was out of reach before the platform began is nobody's loss, nor is the sliver that falls
    off while the first backfill is on its way.
    """
    previous, began = look.observed.previous, look.observed.began_at
    if previous is None or began is None:
        return
    scope = f"{horizon.venue} {horizon.dataset} lost"
    before, edge = previous.at - horizon.keeps, look.now - horizon.keeps
    for given, end in horizon.unfetched:
        start = max(given, began - horizon.keeps)
        if before < end <= edge and end - start >= ONE_DAY:
            yield Verdict(
                "history_horizon",
                scope,
                _span(horizon.symbol, start, end),
                "failing",
                f"{horizon.symbol}: {moment(start)} to {moment(end)} was never fetched, and"
                f" {horizon.venue} gives it no more",
                is_event=True,
            )


def _span(symbol: str, start: datetime, end: datetime) -> str:
    return f"{symbol} {moment(start)} to {moment(end)}"
