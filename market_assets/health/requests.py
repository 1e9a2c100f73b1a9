"""How well and how fast venues answer within the window: error_rate and api_latency.

Few requests make no rate: below the least number a bad value is unknown, a good one is good.

The failures of an outage stay in the window when it is over. They were told as venue_down, so they
are remembered (as a member that is always unknown) and not told again, for as long as they only
become fewer: one more, and the rate speaks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from market_assets.health.limits import is_above
from market_assets.health.look import Look
from market_assets.health.observed import VenueAnswers
from market_assets.health.venue_down import NOT_ANSWERS
from market_assets.schemas.verdicts import Verdict

OUTAGE = "failures of an outage: "


def judge(look: Look) -> Iterator[Verdict]:
    for answers in look.observed.answers or ():
        failed = {o: n for o, n in answers.failed.items() if n and o not in NOT_ANSWERS}
        count = sum(failed.values())
        is_known = count > 0 and _are_of_an_outage(look, answers.venue, count)
        verdicts = [_error_rate(look, answers, failed, is_known), _latency(look, answers, is_known)]
        yield from verdicts
        if is_known and any(verdict.state == "unknown" for verdict in verdicts):
            text = f"{count} requests failed while {answers.venue} was down"
            yield Verdict("error_rate", answers.venue, f"{OUTAGE}{count}", "unknown", text)


def _are_of_an_outage(look: Look, venue: str, count: int) -> bool:
    """Whether the window's failures were told as venue_down."""
    if "venue_down" in look.policy.off:
        return False
    if ("venue_down", venue, "") in look.failed_before:
        return True
    return any(
        count <= int(member.removeprefix(OUTAGE))
        for rule, scope, member in look.failed_before
        if rule == "error_rate" and scope == venue and member.startswith(OUTAGE)
    )


def _error_rate(
    look: Look, answers: VenueAnswers, failed: Mapping[str, int], is_known: bool
) -> Verdict:
    venue, limit = answers.venue, look.policy.error_rate_percent
    asked = answers.requests - sum(answers.failed.get(outcome, 0) for outcome in NOT_ANSWERS)
    if asked <= 0:
        return Verdict("error_rate", venue, "", "unknown", f"{venue} was not asked in the window")
    rate = 100 * sum(failed.values()) / asked
    worst = ", ".join(f"{count} {outcome}" for outcome, count in sorted(failed.items()))
    text = f"{sum(failed.values())} of {asked} requests failed, {rate:.1f} %"
    text += f" (limit {limit:g}): {worst}" if worst else ""
    if not is_above(look, "error_rate", venue, "", rate, limit):
        return Verdict("error_rate", venue, "", "ok", text, rate, limit)
    if is_known:
        text += "; told as venue_down"
    elif asked < look.policy.error_least_requests:
        text += f"; fewer than {look.policy.error_least_requests} are no rate"
    else:
        return Verdict("error_rate", venue, "", "failing", text, rate, limit)
    return Verdict("error_rate", venue, "", "unknown", text, rate, limit)


def _latency(look: Look, answers: VenueAnswers, is_known: bool) -> Verdict:
    venue, limit, p95 = answers.venue, look.policy.api_latency_ms, answers.p95_latency_ms
    if p95 is None or not answers.requests:
        return Verdict("api_latency", venue, "", "unknown", f"{venue} was not asked in the window")
    text = f"95 % of {answers.requests} answers took up to {p95:.0f} ms (limit {limit:.0f})"
    if not is_above(look, "api_latency", venue, "", p95, limit):
        return Verdict("api_latency", venue, "", "ok", text, p95, limit)
    if is_known:
        text += "; told as venue_down"
    elif answers.requests < look.policy.latency_least_requests:
        text += f"; fewer than {look.policy.latency_least_requests} say nothing"
    else:
        return Verdict("api_latency", venue, "", "failing", text, p95, limit)
    return Verdict("api_latency", venue, "", "unknown", text, p95, limit)
