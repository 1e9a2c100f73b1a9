"""What is only the consequence of a larger trouble is not told again.

One venue down is one alert, not fifty. A pure function over the verdicts of one look: a failing
verdict that another one explains becomes unknown, so that it neither fires nor resolves. What is
fine stays fine, and events stay events: they have happened. A rule that is switched off explains
nothing, because nobody would hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from market_assets.health.clock import SCOPE as CLOCK
from market_assets.schemas.verdicts import Verdict

# What follows from a venue that does not answer, and from nobody asking venues at all.
OF_A_VENUE = frozenset(
    {
        "freshness",
        "silent_symbol",
        "completeness",
        "error_rate",
        "api_latency",
        "check_failed",
        "run_failed",
        "backfill_failed",
        "backfill_stuck",
    }
)
OF_US = frozenset({"venue_down", "freshness", "silent_symbol", "completeness"})
# What a wrong clock says nothing about.
WITHOUT_TIME = frozenset({"watch_failed", "disk_left", "delivery_failed"})

Explanation = Callable[[Verdict], str]  # why it is not told; empty for what it does not explain


def inhibited(
    verdicts: Sequence[Verdict], off: frozenset[str], venues: dict[tuple[str, str, str], str]
) -> list[Verdict]:
    """The verdicts as they are told. `venues` names the venue of runs and backfills, by key."""
    told = [v for v in verdicts if v.state == "failing" and v.rule not in off]
    explanations = [*_of_clock(told), *_of_platform(told), *_of_venues(told, venues)]
    return [_explained(verdict, explanations) for verdict in verdicts]


def _explained(verdict: Verdict, explanations: Iterable[Explanation]) -> Verdict:
    if verdict.state != "failing" or verdict.is_event:
        return verdict
    for explanation in explanations:
        if because := explanation(verdict):
            return replace(verdict, state="unknown", text=f"{verdict.text}; not told: {because}")
    return verdict


def _of_clock(told: Iterable[Verdict]) -> list[Explanation]:
    wrong = any(v.rule == "watch_failed" and v.scope == CLOCK for v in told)
    return [lambda v: "" if v.rule in WITHOUT_TIME else "the clock is wrong"] if wrong else []


def _of_platform(told: Iterable[Verdict]) -> list[Explanation]:
    down = any(v.rule == "platform_was_down" and not v.is_event for v in told)
    return [lambda v: "nobody asks the venues" if v.rule in OF_US else ""] if down else []


def _of_venues(
    told: Iterable[Verdict], venues: dict[tuple[str, str, str], str]
) -> list[Explanation]:
    down = {v.scope for v in told if v.rule == "venue_down"}

    def explain(verdict: Verdict) -> str:
        if verdict.rule not in OF_A_VENUE:
            return ""
        venue = venues.get((verdict.rule, verdict.scope, verdict.member)) or _venue_of(verdict)
        return f"{venue} is down" if venue in down else ""

    return [explain] if down else []


def _venue_of(verdict: Verdict) -> str:
    """`binance`, of the scopes `binance ohlcv` and `raw.binance_ohlcv`."""
    if verdict.rule == "check_failed":
        return verdict.scope.removeprefix("raw.").partition("_")[0]
    return verdict.scope.partition(" ")[0]
