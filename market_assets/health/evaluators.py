"""Every evaluator there is, and the judging of one look by all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from market_assets.health import (
    api_budget,
    backfills,
    checks,
    clock,
    completeness,
    cost,
    downtime,
    freshness,
    horizon,
    instruments,
    market,
    requests,
    runs,
    storage,
    ticking,
    venue_down,
)
from market_assets.health.inhibition import inhibited
from market_assets.health.look import Evaluator, Look
from market_assets.health.observed import Observed, VerdictKey
from market_assets.health.policy import Policy
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import AlertRule, MarketRule


@dataclass(frozen=True, slots=True)
class Group:
    """An evaluator, the rules that it speaks of, and the field of Observed that it needs."""

    name: str
    judge: Evaluator
    rules: tuple[AlertRule, ...]
    needs: str = ""  # empty for what says itself what it could not see


_MARKET: tuple[MarketRule, ...] = (
    "price_threshold",
    "price_move",
    "volume_spike",
    "funding_extreme",
    "cross_venue_spread",
)
GROUPS: tuple[Group, ...] = (
    Group("clock", clock.judge, ("watch_failed",)),
    Group("downtime", downtime.judge, ("platform_was_down",)),
    Group("venue_down", venue_down.judge, ("venue_down",), "answers"),
    Group("freshness", freshness.judge, ("freshness", "silent_symbol"), "series"),
    Group("completeness", completeness.judge, ("completeness",), "completeness"),
    Group("requests", requests.judge, ("error_rate", "api_latency"), "answers"),
    Group("api_budget", api_budget.judge, ("api_budget",), "gates"),
    Group("checks", checks.judge, ("check_failed",), "checks"),
    Group("runs", runs.judge, ("run_failed",), "failed_runs"),
    Group("backfills", backfills.judge, ("backfill_failed", "backfill_stuck"), "backfills"),
    Group("ticking", ticking.judge, ("not_ticking",), "tickers"),
    Group("storage", storage.judge, ("storage_growth", "disk_left"), "storage"),
    Group("horizon", horizon.judge, ("history_horizon",), "horizons"),
    Group("instruments", instruments.judge, ("instrument_changed",), "instrument_changes"),
    Group("cost", cost.judge, ("cost_budget",), "spend"),
    Group("market", market.market, _MARKET),
)


def evaluate(
    observed: Observed, policy: Policy, now: datetime, groups: Iterable[Group] = GROUPS
) -> list[Verdict]:
    """What is wrong, what is fine and what nobody can tell, in an order of its own."""
    if now.tzinfo is None:
        raise ValueError(f"a look needs a moment with its time zone, not {now}")
    look = Look(observed, policy, now.astimezone(UTC))
    verdicts = [verdict for group in groups for verdict in _judged(group, look)]
    return sorted(inhibited(verdicts, policy.off, _venues(observed)), key=_order)


def _venues(observed: Observed) -> dict[VerdictKey, str]:
    """Whose work failed, where that is known."""
    runs = sorted((run.job, run.target, run.venue) for run in observed.failed_runs or ())
    venues: dict[VerdictKey, str] = {("run_failed", job, work): venue for job, work, venue in runs}
    for backfill in observed.backfills or ():
        for rule in ("backfill_failed", "backfill_stuck"):
            venues[rule, backfill.target, backfill.backfill_id] = backfill.venue
    return venues


def remembered(verdicts: Iterable[Verdict], before: frozenset[VerdictKey]) -> frozenset[VerdictKey]:
    """What fails when it is last known: for PreviousLook.failing of the next look."""
    keys: set[VerdictKey] = set()
    for verdict in verdicts:
        key = (verdict.rule, verdict.scope, verdict.member)
        if verdict.state == "failing" and not verdict.is_event:
            keys.add(key)
        elif verdict.state == "unknown" and not verdict.scope and not verdict.member:
            keys |= {known for known in before if known[0] == verdict.rule}
        elif verdict.state == "unknown" and (
            key in before or verdict.member.startswith(requests.OUTAGE)
        ):
            keys.add(key)
    return frozenset(keys)


def _judged(group: Group, look: Look) -> Iterator[Verdict]:
    if group.needs and getattr(look.observed, group.needs) is None:
        yield from _unseen(group, "it could not be seen")
        return
    try:
        verdicts = list(group.judge(look))
    except Exception as error:  # what one part cannot judge must not silence the others
        text = f"{type(error).__name__}: {error}"
        yield from _unseen(group, f"it could not be judged: {text}")
        yield Verdict("watch_failed", f"judging {group.name}", "", "failing", text)
        return
    yield from verdicts
    yield Verdict("watch_failed", f"judging {group.name}", "", "ok", "judged")


def _unseen(group: Group, text: str) -> Iterator[Verdict]:
    """Of the rule as a whole: whatever it said before stays so."""
    for rule in group.rules:
        if rule != "watch_failed":
            yield Verdict(rule, "", "", "unknown", text)


def _order(verdict: Verdict) -> tuple[str, str, str, str]:
    return verdict.rule, verdict.scope, verdict.member, verdict.text
