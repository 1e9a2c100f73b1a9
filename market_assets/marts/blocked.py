"""Days that are not built: a check that blocks found broken rows in what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from market_assets.schemas.datasets import DATASETS
from market_assets.schemas.timeline import Window, subtract, to_datetime
from market_assets.warehouse.contract import CheckResult


def blocked_days(results: Iterable[CheckResult]) -> Mapping[str, Mapping[date, frozenset[str]]]:
    """Dataset -> day -> the checks that failed for it (`raw.okx_ohlcv schema`).

    `results` are in the order in which they were given: a later verdict over the same hours takes
    the place of an earlier one.
    """
    broken: dict[tuple[str, str], list[Window]] = {}
    for result in results:
        # What passes is whole, whatever its severity was by then.
        if not (result.is_blocking or result.passed):
            continue
        key = (result.table_name, result.check_name)
        left = subtract(broken.get(key, []), [result.window])
        # What has no time of its own (a column that is gone) is everywhere that was looked at.
        broken[key] = left if result.passed else [*left, result.found or result.window]
    found: dict[str, dict[date, frozenset[str]]] = {}
    for (table, check), windows in broken.items():
        for dataset in DATASETS:
            if not table.endswith(f"_{dataset}"):
                continue
            days = found.setdefault(dataset, {})
            for day in _days(windows):
                days[day] = days.get(day, frozenset()) | {f"{table} {check}"}
    return found


def _days(windows: Iterable[Window]) -> Iterable[date]:
    for window in windows:
        day, last = to_datetime(window.start).date(), to_datetime(window.end - 1).date()
        while day <= last:
            yield day
            day += timedelta(days=1)
