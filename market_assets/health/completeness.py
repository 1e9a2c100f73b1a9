"""Rows that are absent without a reason, over the watched days of a series together.

What came due so lately that freshness still waits for it is not absent yet. Days are UTC days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from market_assets.health.limits import is_above
from market_assets.health.look import Look
from market_assets.health.observed import DayCompleteness
from market_assets.schemas.verdicts import Verdict

ONE_DAY = timedelta(days=1)
Key = tuple[str, str, str, str]


def judge(look: Look) -> Iterator[Verdict]:
    days: dict[Key, list[DayCompleteness]] = {}
    for day in look.observed.completeness or ():
        days.setdefault((day.venue, day.dataset, day.interval, day.symbol), []).append(day)
    for key, counted in days.items():
        yield _verdict(look, key, counted)


def _verdict(look: Look, key: Key, days: list[DayCompleteness]) -> Verdict:
    venue, dataset, interval, symbol = key
    scope, member = f"{venue} {dataset}", f"{symbol} {interval}" if interval else symbol
    expected = sum(day.expected for day in days)
    if expected <= 0:
        return Verdict("completeness", scope, member, "ok", "nothing was due on the watched days")
    missing = sum(day.missing for day in days)
    unasked = sum(max(0, day.unasked - _awaited(look, day)) for day in days)
    absent = min(100.0, 100 * (missing + unasked) / expected)
    share, limit = 100 - absent, look.policy.completeness_percent
    text = f"{share:.1f} % of {expected} (limit {limit:g})"
    if missing or unasked:
        text += f": {missing} missing, {unasked} not asked for"
        text += f", worst {min(days, key=_worst).day.isoformat()}"
    # Judged by what is absent, so that the margin of a limit of 95 % is half a percent and that
    # of 100 % is none: everything there is fine.
    bad = is_above(look, "completeness", scope, member, absent, 100 - limit)
    if not bad:
        return Verdict("completeness", scope, member, "ok", text, share, limit)
    if unasked and look.is_catching_up:
        text += "; the platform has just started and catches up"
        return Verdict("completeness", scope, member, "unknown", text, share, limit)
    return Verdict("completeness", scope, member, "failing", text, share, limit)


def _worst(day: DayCompleteness) -> tuple[float, date]:
    """The least share first; of days that are as bad, the first."""
    share = 1 - (day.missing + day.unasked) / day.expected if day.expected else 1.0
    return share, day.day


def _awaited(look: Look, day: DayCompleteness) -> int:
    """How many of a day's rows have come due within the time that freshness waits for them."""
    if not day.expected or not day.unasked:
        return 0
    begins = datetime.combine(day.day, time(), UTC)
    ends = min(look.now, begins + ONE_DAY)
    step = (ends - begins) / day.expected
    if step <= timedelta():
        return 0
    patience = look.policy.age_limit(look.policy.freshness, step)
    recent = ends - max(begins, look.now - patience)
    return max(0, -(-recent // step))
