"""Contracts that were listed, delisted, or changed: events, told for a while."""

from __future__ import annotations

from collections.abc import Iterator

from market_assets.health.look import Look
from market_assets.health.observed import InstrumentChange
from market_assets.health.words import moment
from market_assets.schemas.verdicts import Verdict

WORDS = {
    "status": "status",
    "tick_size": "tick size",
    "lot_size": "lot size",
    "contract_size": "contract size",
    "funding_interval_hours": "funding interval in hours",
}


def judge(look: Look) -> Iterator[Verdict]:
    for change in look.observed.instrument_changes or ():
        if _is_news(look, change):
            yield Verdict(
                "instrument_changed",
                change.venue,
                f"{change.symbol} {change.changed} {moment(change.seen_at)}",
                "failing",
                f"{change.symbol} {_what(change)}, seen {moment(change.seen_at)}",
                since=change.seen_at,
                is_event=True,
            )


def _is_news(look: Look, change: InstrumentChange) -> bool:
    if look.now - change.seen_at > look.policy.instrument_news or change.seen_at > look.latest:
        return False
    # The first list of a venue is not a list of novelties.
    known = change.venue_known_since
    return change.changed != "listed" or (known is not None and change.seen_at > known)


def _what(change: InstrumentChange) -> str:
    if change.changed == "listed":
        return f"is listed{f' since {change.new}' if change.new else ''}"
    if change.changed == "delisted":
        return f"is delisted{f' at {change.new}' if change.new else ''}"
    return f"has another {WORDS[change.changed]}: {change.old or 'none'} -> {change.new or 'none'}"
