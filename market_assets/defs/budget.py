"""Runs that can wait end at their beginning when the day's budget is used up.

Essential are the hourly raw data, instruments, repairs, backups and what keeps the store small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from market_assets.errors import BudgetExhausted
from market_assets.watch import spending

if TYPE_CHECKING:
    from market_assets.settings import Settings


def refuse_when_spent(
    context: dg.AssetExecutionContext | dg.OpExecutionContext | dg.AssetCheckExecutionContext,
    settings: Settings,
    doing: str,
) -> None:
    """Nothing, or a failure that says what was spent and how to go on; it is not tried again."""
    try:
        spending.refuse_when_spent(settings, doing)
    except BudgetExhausted as error:
        # Dagster's run retries look at this tag only: the day has the same budget in a minute.
        context.instance.add_run_tags(context.run.run_id, {"dagster/max_retries": "0"})
        raise dg.Failure(str(error), allow_retries=False) from error
