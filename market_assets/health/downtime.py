"""We were down, or still are: nobody looked, or nobody asks although rows are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from market_assets.health.freshness import newest_answer
from market_assets.health.look import Look
from market_assets.health.words import length, minutes, moment
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import AlertRule


def judge(look: Look) -> Iterator[Verdict]:
    hole = look.hole_since
    if hole is not None:
        text = (
            f"nobody looked from {moment(hole)} to {moment(look.now)}, {length(look.now - hole)}:"
            " the platform or its daemon was down, or the machine slept"
        )
        yield Verdict(
            "platform_was_down",
            "looks",
            f"since {moment(hole)}",
            "failing",
            text,
            value=minutes(look.now - hole),
            since=hole,
            is_event=True,
        )
    yield _requests(look)


def _requests(look: Look) -> Verdict:
    """Whether anybody still asks any venue for what is due."""
    rule: AlertRule = "platform_was_down"
    scope, limit = "requests", look.policy.freshness
    if look.observed.answers is None or look.ages is None:
        return Verdict(rule, scope, "", "unknown", "it could not be seen whether anybody asks")
    asked = [at for one in look.observed.answers if (at := newest_answer(one)) is not None]
    stale = sum(age.is_stale for age in look.ages)
    newest = max(asked, default=look.observed.began_at)
    if not stale or newest is None:
        return Verdict(rule, scope, "", "ok", "nothing is overdue")
    silence = max(timedelta(), look.now - newest)
    text = f"{stale} series are overdue, and the newest request to a venue is of {moment(newest)}"
    value, most = minutes(silence), minutes(limit)
    if silence <= limit:
        return Verdict(rule, scope, "", "ok", text, value, most)
    if look.is_catching_up:
        text += "; the platform has just started"
        return Verdict(rule, scope, "", "unknown", text, value, most)
    return Verdict(rule, scope, "", "failing", text, value, most, since=newest + limit)
