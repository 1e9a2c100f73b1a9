"""How well and how fast venues answer within the window: error_rate and api_latency.

Few requests make no rate: below the least number a bad value is unknown, a good one is good.
"""

from __future__ import annotations

from collections.abc import Iterator

from market_assets.health.limits import is_above
from market_assets.health.look import Look
from market_assets.health.observed import VenueAnswers
from market_assets.health.venue_down import NOT_ANSWERS
from market_assets.schemas.verdicts import Verdict


def judge(look: Look) -> Iterator[Verdict]:
    for answers in look.observed.answers or ():
        yield _error_rate(look, answers)
        yield _latency(look, answers)


def _error_rate(look: Look, answers: VenueAnswers) -> Verdict:
    venue, limit = answers.venue, look.policy.error_rate_percent
    failed = {o: n for o, n in answers.failed.items() if n and o not in NOT_ANSWERS}
    asked = answers.requests - sum(answers.failed.get(outcome, 0) for outcome in NOT_ANSWERS)
    if asked <= 0:
        return Verdict("error_rate", venue, "", "unknown", f"{venue} was not asked in the window")
    rate = 100 * sum(failed.values()) / asked
    worst = ", ".join(f"{count} {outcome}" for outcome, count in sorted(failed.items()))
    text = f"{sum(failed.values())} of {asked} requests failed, {rate:.1f} %"
    text += f" (limit {limit:g}): {worst}" if worst else ""
    bad = is_above(look, "error_rate", venue, "", rate, limit)
    if bad and asked < look.policy.error_least_requests:
        text += f"; fewer than {look.policy.error_least_requests} are no rate"
        return Verdict("error_rate", venue, "", "unknown", text, rate, limit)
    return Verdict("error_rate", venue, "", "failing" if bad else "ok", text, rate, limit)


def _latency(look: Look, answers: VenueAnswers) -> Verdict:
    venue, limit, p95 = answers.venue, look.policy.api_latency_ms, answers.p95_latency_ms
    if p95 is None or not answers.requests:
        return Verdict("api_latency", venue, "", "unknown", f"{venue} was not asked in the window")
    text = f"95 % of {answers.requests} answers took up to {p95:.0f} ms (limit {limit:.0f})"
    bad = is_above(look, "api_latency", venue, "", p95, limit)
    if bad and answers.requests < look.policy.latency_least_requests:
        text += f"; fewer than {look.policy.latency_least_requests} say nothing"
        return Verdict("api_latency", venue, "", "unknown", text, p95, limit)
    return Verdict("api_latency", venue, "", "failing" if bad else "ok", text, p95, limit)
