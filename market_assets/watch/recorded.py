"""What the ledgers say of the series' recent time: gaps, what is covered, what a venue forgets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.schemas.datasets import FUNDING_RATES
from market_assets.schemas.timeline import Window
from market_assets.warehouse.sql import literal, moment
from market_assets.watch.store import rows_of
from market_assets.watch.stored_series import SeriesKey

if TYPE_CHECKING:
    from market_assets.warehouse.protocol import Warehouse

_SERIES = 'venue, dataset, "interval", symbol'


@dataclass(frozen=True, slots=True)
class Absence:
    """An absent span of a series, and whether it is ours to repair."""

    window: Window
    is_missing: bool


def absences(
    warehouse: Warehouse, wanted: Collection[SeriesKey], since: int
) -> Mapping[SeriesKey, list[Absence]]:
    """The gaps that reach beyond that moment."""
    found: dict[SeriesKey, list[Absence]] = defaultdict(list)
    for row in rows_of(
        warehouse,
        f"SELECT {_SERIES}, epoch_ms(gap_start) AS first, epoch_ms(gap_end) AS last,"
        f" concat(reason) = 'missing' AS is_missing FROM ops.gaps WHERE gap_end > {moment(since)}",
    ):
        key = SeriesKey(row["venue"], row["dataset"], row["interval"], row["symbol"])
        found[key].append(Absence(Window(row["first"], row["last"]), row["is_missing"]))
    return {key: found[key] for key in wanted if key in found}


def covered_funding(
    warehouse: Warehouse, forgetful: Collection[str], since: int
) -> Mapping[SeriesKey, list[Window]]:
    """Spans of funding that need no further asking: all of forgetful venues, else the recent."""
    of_all = f" OR venue IN ({', '.join(map(literal, forgetful))})" if forgetful else ""
    found: dict[SeriesKey, list[Window]] = defaultdict(list)
    for row in rows_of(
        warehouse,
        f"SELECT {_SERIES}, epoch_ms(window_start) AS first, epoch_ms(window_end) AS last"
        f" FROM ops.coverage WHERE dataset = {literal(FUNDING_RATES.name)}"
        f" AND (window_end > {moment(since)}{of_all})",
    ):
        key = SeriesKey(row["venue"], row["dataset"], row["interval"], row["symbol"])
        found[key].append(Window(row["first"], row["last"]))
    return dict(found)
