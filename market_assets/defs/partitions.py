"""How time is cut into partitions, and how hours and days map to candles.

An hour's partition holds what closed during it: candles of an hour and less that opened in it, and
the longer candle that closes at its end. So every candle belongs to exactly one partition, and no
partition has to wait for a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.schemas.timeline import (
    DAY_MS,
    HOUR_MS,
    INTERVALS,
    Window,
    floor_to,
    to_datetime,
    to_ms,
)

if TYPE_CHECKING:
    from market_assets.settings import Settings, VenueSettings

# About a month of hours in whole days: a failed run repeats little, a year is a dozen runs.
HOURS_PER_RUN = 720
DAYS_PER_RUN = 720
_HOUR_KEY = "%Y-%m-%d-%H:%M"
_DAY_KEY = "%Y-%m-%d"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def hourly(venue: VenueSettings) -> dg.HourlyPartitionsDefinition:
    """One partition for each UTC hour of the venue's configured days that has ended."""
    return dg.HourlyPartitionsDefinition(
        start_date=_midnight(venue.start),
        end_date=_end(venue),
        timezone="UTC",
        fmt=_HOUR_KEY,
    )


def daily(venue: VenueSettings) -> dg.DailyPartitionsDefinition:
    """One partition for each UTC day, today's included: a snapshot belongs to the day it is of."""
    return dg.DailyPartitionsDefinition(
        start_date=_midnight(venue.start),
        end_date=_end(venue),
        timezone="UTC",
        end_offset=1,
    )


def days_of_all(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Days of what is made from every venue: from the first start, today's included."""
    first = min(venue.start for venue in settings.enabled_venues.values())
    return dg.DailyPartitionsDefinition(start_date=_midnight(first), timezone="UTC", end_offset=1)


def ended_days_of_all(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The same days, without the one that is going on."""
    first = min(venue.start for venue in settings.enabled_venues.values())
    return dg.DailyPartitionsDefinition(start_date=_midnight(first), timezone="UTC")


def hourly_policy(venue: str, settings: Settings) -> dg.BackfillPolicy:
    """A bounded number of hours in a run, another one for each venue.

    Dagster puts assets with the same partitions and the same policy into one run. Venues have to
    stay apart: one that is down must not fail the others' runs, and each has its own budget.
    """
    place = tuple(settings.venues).index(venue)
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=HOURS_PER_RUN + 24 * place)


def daily_policy(venue: str, settings: Settings) -> dg.BackfillPolicy:
    place = tuple(settings.venues).index(venue)
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=DAYS_PER_RUN + place)


def hour_key(ms: int) -> str:
    """The partition key of the hour that begins at `ms`."""
    return to_datetime(ms).strftime(_HOUR_KEY)


def day_key(day: datetime) -> str:
    """The partition key of a day."""
    return day.strftime(_DAY_KEY)


def window_of(partitions: dg.TimeWindow) -> Window:
    """Dagster's window of partitions as ours."""
    return Window.of(partitions.start, partitions.end)


def window_of_run(context: dg.AssetExecutionContext, otherwise: Window) -> Window:
    """The run's partitions. Checks that are run alone have none in Dagster's eyes: their tags tell.

    The UI's button gives no tags either: then it is `otherwise`.
    """
    if context.selected_asset_keys:
        return window_of(context.partition_time_window)
    return window_of_tags(context.run.tags) or otherwise


def window_of_tags(tags: Mapping[str, str]) -> Window | None:
    """The partitions that a run's tags name; None for a run without."""
    first = tags.get(_RANGE_START) or tags.get("dagster/partition")
    last = tags.get(_RANGE_END) or tags.get("dagster/partition")
    if first is None or last is None:
        return None
    return Window(window_of_key(first).start, window_of_key(last).end)


def window_of_key(key: str) -> Window:
    """The hour or day of a partition key."""
    start = _moment(key)
    return Window(start, start + (HOUR_MS if ":" in key else DAY_MS))


def _moment(key: str) -> int:
    return to_ms(datetime.strptime(key, _HOUR_KEY if ":" in key else _DAY_KEY).replace(tzinfo=UTC))


def candles_of(hours: Window, interval: str) -> Window:
    """The open times of the candles that close in these hours (empty when none does)."""
    step = INTERVALS[interval]
    if step <= HOUR_MS:
        return hours
    return Window(floor_to(hours.start, step), floor_to(hours.end, step))


def _end(venue: VenueSettings) -> datetime | None:
    return None if venue.end is None else _midnight(venue.end + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
