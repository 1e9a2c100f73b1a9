"""When assets materialise by themselves.

Conditions look back over two days, so hours lost to downtime, outages of a venue or failed runs
are caught up, which schedules and `on_cron` don't do. Each venue has its own minutes of the hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.schemas.datasets import INSTRUMENTS, Dataset

if TYPE_CHECKING:
    from market_assets.settings import Settings

LOOK_BACK = timedelta(hours=48)
_FIRST_MINUTE = 4
_MINUTES_APART = 2


def minute_of(venue: str, settings: Settings) -> int:
    """The minute of the hour that is the venue's: one after the other, not all at once."""
    place = tuple(settings.venues).index(venue)
    return (_FIRST_MINUTE + _MINUTES_APART * place) % 60


def raw_condition(
    venue: str, dataset: Dataset, settings: Settings
) -> dg.AutomationCondition[dg.AssetKey]:
    """Every hour, what is missing of the last two days; of a snapshot, today's.

    The tick and the end of the look-back bound how often a partition that can't be had is tried.
    """
    condition = dg.AutomationCondition
    recent = (
        condition.in_latest_time_window()
        if dataset is INSTRUMENTS
        else condition.in_latest_time_window(LOOK_BACK)
    )
    return (
        recent
        & condition.missing()
        & condition.cron_tick_passed(f"{minute_of(venue, settings)} * * * *")
        & ~condition.in_progress()
    ).with_label(f"missing, looked for at minute {minute_of(venue, settings)} of each hour")


def automation_sensors() -> list[dg.AutomationConditionSensorDefinition]:
    """What evaluates the conditions of raw assets, running from the first start."""
    return [
        dg.AutomationConditionSensorDefinition(
            "raw_automation",
            target=dg.AssetSelection.key_prefixes("raw"),
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=30,
            description="Materialises closed hours that are missing in the last 48 hours.",
            run_tags={"trigger": "automation"},
        ),
    ]
