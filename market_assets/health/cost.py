"""What today's statements cost against the day's budget. Days are UTC days.

It is a warning from costs.warn_percent on and critical once the budget is used up. A day that a
person released is only worth knowing. The next day begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from market_assets.health.look import Look
from market_assets.health.observed import Spend
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.costs import dollars

# How many of the day's largest items a message names.
NAMED = 3


def judge(look: Look) -> Iterator[Verdict]:
    spend = look.observed.spend
    if spend is None:
        return
    if spend.day != look.now.astimezone(UTC).date():
        text = f"what is known was spent on {spend.day.isoformat()}"
        yield Verdict("cost_budget", "", "", "unknown", text)
        return
    today, budget = spend.today_dollars, spend.budget_dollars
    warn = budget * look.policy.cost_warn_percent / 100
    text = f"{dollars(today)} of {dollars(budget)} spent today"
    # A budget of nothing is used up by the first cent, not by nothing.
    if today < warn or today <= 0:
        yield Verdict("cost_budget", "", "", "ok", text, today, warn)
        return
    text += _largest(spend)
    if spend.is_released:
        text += f"; released: {spend.released_because}" if spend.released_because else "; released"
        yield Verdict("cost_budget", "", "", "failing", text, today, budget, severity="info")
    elif today >= budget:
        text += "; runs that can wait are refused until the next UTC day or a release" * (
            look.policy.stop_at_budget
        )
        yield Verdict("cost_budget", "", "", "failing", text, today, budget, severity="critical")
    else:
        yield Verdict("cost_budget", "", "", "failing", text, today, warn, severity="warning")


def _largest(spend: Spend) -> str:
    lines = sorted(spend.lines, key=lambda line: (-line.dollars, line.label, line.asset))[:NAMED]
    told = [
        f"{line.asset or line.label} {dollars(line.dollars)}" for line in lines if line.dollars > 0
    ]
    return f", most of it on {', '.join(told)}" if told else ""
