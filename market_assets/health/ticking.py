"""Daemons, schedules and sensors that should tick by themselves and do not, or whose tick failed.

Due times are moments, whatever time zone a schedule is written in: over a change of the clocks it
is late by what it is late, not by an hour more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from market_assets.health.look import Look
from market_assets.health.observed import Ticker
from market_assets.health.words import length, minutes, moment
from market_assets.schemas.verdicts import Verdict


def judge(look: Look) -> Iterator[Verdict]:
    for ticker in look.observed.tickers or ():
        yield _verdict(look, ticker)


def _verdict(look: Look, ticker: Ticker) -> Verdict:
    scope, member = ticker.kind, ticker.name
    if not ticker.is_on:
        return Verdict("not_ticking", scope, member, "ok", "turned off")
    due = _due(look, ticker)
    if due is None:
        text = "it has never ticked, and nobody knows when it is due"
        return Verdict("not_ticking", scope, member, "unknown", text)
    late, limit = max(timedelta(), look.now - due), look.policy.tick_late
    value, most = minutes(late), minutes(limit)
    last = f"last tick {moment(ticker.last_tick_at)}" if ticker.last_tick_at else "no tick yet"
    if late > limit:
        text = f"{last}, due {moment(due)}, {length(late)} late (limit {most:.0f} min)"
        if look.is_catching_up:
            text += "; the platform has just started"
            return Verdict("not_ticking", scope, member, "unknown", text, value, most)
        since = due + limit
        return Verdict("not_ticking", scope, member, "failing", text, value, most, since)
    if ticker.last_error:
        text = f"{last} failed: {ticker.last_error}"
        return Verdict("not_ticking", scope, member, "failing", text, value, most)
    return Verdict("not_ticking", scope, member, "ok", last, value, most)


def _due(look: Look, ticker: Ticker) -> datetime | None:
    """When it should have ticked, or should next. Not before it was turned on or we began."""
    if ticker.next_due_at is not None:
        return ticker.next_due_at
    known = (ticker.last_tick_at, ticker.on_since)
    since = max((at for at in known if at is not None), default=look.observed.began_at)
    if since is None:
        return None
    # In UTC: adding to a local time adds to what the wall clock shows, which can be put back.
    return since.astimezone(UTC) + (ticker.due_every or timedelta())
