"""What today's statements cost against the day's budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from health_support import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICY,
    Watching,
    judged,
    one,
    platform,
)

from market_assets.health.observed import (
    Observed,
    PreviousLook,
    Spend,
    SpendLine,
)


def spend(today: float, **told: object) -> Observed:
    given: dict[str, object] = {"day": NOW.date(), "today_dollars": today, "budget_dollars": 1.0}
    return platform(spend=Spend(**{**given, **told}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observed", "state", "severity"),
    [
        (spend(0.0), "ok", None),
        (spend(0.79), "ok", None),
        (spend(0.80), "failing", "warning"),
        (spend(0.999), "failing", "warning"),
        (spend(1.0), "failing", "critical"),
        (spend(9.0), "failing", "critical"),
        (spend(9.0, is_released=True), "failing", "info"),
        (spend(0.1, is_released=True), "ok", None),
        (spend(0.0, budget_dollars=0.0), "ok", None),
        (spend(0.01, budget_dollars=0.0), "failing", "critical"),
        (spend(9.0, day=date(2026, 11, 20)), "unknown", None),  # yesterday's
        (platform(spend=None), "unknown", None),
    ],
)
def test_the_budget_of_a_day(observed: Observed, state: str, severity: str | None) -> None:
    found = one(judged(observed), "cost_budget")

    assert (found.state, found.severity) == (state, severity)


def test_a_day_that_is_spent_warns_stops_is_released_and_begins_anew() -> None:
    days = [0.5, 0.85, 1.1, 1.2, 0.1]
    looks = [NOW + number * HOUR for number in range(4)] + [NOW + DAY]

    def seen(now: datetime) -> Observed:
        number = looks.index(now)
        return spend(days[number], day=now.date(), is_released=number == 3)

    watch = Watching()
    told = [one(watch.look(seen(now), now), "cost_budget") for now in looks]

    assert [(v.state, v.severity) for v in told] == [
        ("ok", None),
        ("failing", "warning"),
        ("failing", "critical"),
        ("failing", "info"),
        ("ok", None),
    ]


def test_a_spent_budget_names_what_it_was_spent_on_and_what_happens() -> None:
    lines = (
        SpendLine("mart", "marts/risk_daily", 0.2),
        SpendLine("query", "", 0.7),
        SpendLine("watch", "", 0.0),
        SpendLine("mart", "marts/ohlcv", 0.2),
        SpendLine("check", "raw/okx_ohlcv", 0.01),
    )
    observed = spend(1.11, lines=lines)

    text = one(judged(observed, replace(POLICY, stop_at_budget=True)), "cost_budget").text

    assert text == (
        "$1.11 of $1.00 spent today, most of it on query $0.70, marts/ohlcv $0.20,"
        " marts/risk_daily $0.20; runs that can wait are refused until the next UTC day or a"
        " release"
    )
    assert "refused" not in one(judged(observed), "cost_budget").text
    released = spend(1.11, is_released=True, released_because="month end")
    assert one(judged(released), "cost_budget").text.endswith("; released: month end")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_a_day_of_the_budget_is_a_day_of_utc(zone: str) -> None:
    for now in (
        datetime(2026, 11, 21, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 23, 59, tzinfo=UTC),
    ):
        found = judged(
            replace(spend(9.0), previous=PreviousLook(now - MINUTE, MINUTE)),
            now=now.astimezone(ZoneInfo(zone)),
        )
        assert one(found, "cost_budget").severity == "critical"
