"""What was spent, as the watch, the command line and the runs that can wait see it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from market_assets.errors import BudgetExhausted
from market_assets.settings.costs import dollars
from market_assets.warehouse.opening import is_there, open_warehouse
from market_assets.watch.budget import Tally, begin_of_month, is_used_up, tally

if TYPE_CHECKING:
    from market_assets.health.observed import Spend, SpendLine
    from market_assets.settings import Settings
    from market_assets.warehouse.costs import DaySpend
    from market_assets.warehouse.protocol import Warehouse

_NAMED = 3


def spending(settings: Settings, warehouse: Warehouse, now: datetime) -> Spend:
    """Today and the month so far against the day's budget."""
    return spent_and_tallied(settings, warehouse, now)[0]


def spent_and_tallied(
    settings: Settings, warehouse: Warehouse, now: datetime
) -> tuple[Spend, Tally]:
    """The same, and the sums by asset, from one reading."""
    # Its package brings every evaluator: code locations that only ask the budget do without.
    from market_assets.health.observed import Spend, SpendLine

    spent = warehouse.spent(begin_of_month(now))
    sums = tally(spent, now)
    today = now.astimezone(UTC).date()
    because = warehouse.released(today)
    spend = Spend(
        day=today,
        today_dollars=sums.total.today,
        budget_dollars=settings.thresholds.daily_cost_usd,
        month_dollars=sums.total.month,
        lines=tuple(
            SpendLine(line.label, line.asset, line.dollars) for line in _dearest(spent, today)
        ),
        is_released=because is not None,
        released_because=because or "",
    )
    return spend, sums


def why_waiting(settings: Settings, now: datetime | None = None) -> str | None:
    """Why runs that can wait have to, None when they need not.

    Without costs.stop_at_budget the warehouse is not even opened.
    """
    if not settings.costs.stop_at_budget:
        return None
    if not is_there(settings):
        return None
    moment = now or datetime.now(UTC)
    with open_warehouse(settings, read_only=True) as warehouse:
        spend = spending(settings, warehouse, moment)
    if not is_used_up(spend.today_dollars, spend.budget_dollars, released=spend.is_released):
        return None
    dearest = ", ".join(_named(line) for line in spend.lines[:_NAMED] if line.dollars > 0)
    midnight = datetime(spend.day.year, spend.day.month, spend.day.day, tzinfo=UTC)
    return (
        f"{dollars(spend.today_dollars)} of the day's {dollars(spend.budget_dollars)} are spent"
        f"{f' ({dearest})' if dearest else ''}; what can wait waits until"
        f" {midnight + timedelta(days=1):%Y-%m-%d %H:%M} UTC"
    )


def refuse_when_spent(settings: Settings, doing: str, now: datetime | None = None) -> None:
    """For the beginning of work that can wait: end it when the day's budget is used up."""
    why = why_waiting(settings, now)
    if why is not None:
        raise BudgetExhausted(
            doing,
            why,
            "Wait, or let this day go on: market-assets costs release --because '...'"
            " (thresholds.daily_cost_usd is the budget, costs.stop_at_budget this stop)",
        )


def _dearest(spent: list[DaySpend], today: date) -> list[DaySpend]:
    of_today = [line for line in spent if line.day == today]
    return sorted(of_today, key=lambda line: (-line.dollars, line.label, line.asset))


def _named(line: SpendLine) -> str:
    return f"{' '.join(filter(None, (line.label, line.asset)))} {dollars(line.dollars)}"
