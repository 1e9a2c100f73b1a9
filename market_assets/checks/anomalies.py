"""Returns and volumes unlike those of the days before, judged by median and MAD.

Both are of the `anomaly_days` UTC days before the row's own day, so that a day's rows are judged by
one standard that they had no part in. A return is compared with every return of those days, a
volume with those of its own hour of day: trading has hours, prices have none. Medians, because a
mean and a deviation are moved by the very values that they should find. The mart anomalies_hourly
computes the same in SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from market_assets.checks.findings import Finding
from market_assets.checks.policy import Policy
from market_assets.checks.telling import each_row
from market_assets.schemas.timeline import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from market_assets.checks.rows import Floats, Ints
    from market_assets.checks.scenes import CandleScene

# Of values that vary normally the median distance from the median is this part of the deviation.
NORMAL_MAD = 1.4826
# Distances below this are the rounding of logarithms: such values do not vary.
_NOTHING = 1e-12

Shape = Callable[[Any], Any]


def return_anomaly(scene: CandleScene, policy: Policy) -> list[Finding]:
    """A move from the candle just before, unlike the moves of the days before."""
    import numpy as np

    moved = log_returns(scene)
    scores = return_scores(scene, policy)

    def say(row: int) -> str:
        return f"close moved {np.expm1(moved[row]):+.2%}, {scores[row]:+.1f} robust deviations"

    return _anomalies("return_anomaly", scene, policy, scores, say)


def volume_anomaly(scene: CandleScene, policy: Policy) -> list[Finding]:
    """A volume unlike those of the same hour of day on the days before."""
    scores = volume_scores(scene, policy)
    volume = scene.rows["volume"]

    def say(row: int) -> str:
        return f"volume {volume[row]:g} is {scores[row]:+.1f} robust deviations from this hour's"

    return _anomalies("volume_anomaly", scene, policy, scores, say)


def log_returns(scene: CandleScene) -> Floats:
    """Logarithm of close over the close of the candle just before; NaN where that is absent."""
    import numpy as np

    rows, close = scene.rows, scene.rows["close"]
    before = rows.before(close, np.nan)
    follows = rows.times - rows.before(rows.times, 0) == scene.step
    priced = follows & (close > 0) & (before > 0)
    with np.errstate(all="ignore"):
        return np.where(priced, np.log(close) - np.log(before), np.nan)


def return_scores(scene: CandleScene, policy: Policy) -> Floats:
    """For each row of the window how many robust deviations its log return is from the median."""
    a_day = DAY_MS // scene.step

    def all_of_the_days(days: NDArray[Any]) -> NDArray[Any]:
        return days.reshape(len(days), 1, -1)

    return _scores(scene, policy, log_returns(scene), policy.anomaly_least * a_day, all_of_the_days)


def volume_scores(scene: CandleScene, policy: Policy) -> Floats:
    """The same of the log volume, among volumes of the same hour of day."""
    import numpy as np

    volume = scene.rows["volume"]
    with np.errstate(all="ignore"):
        logs = np.where(volume > 0, np.log(volume), np.nan)
    an_hour = max(1, HOUR_MS // scene.step)

    def by_hour_of_day(days: NDArray[Any]) -> NDArray[Any]:
        hours = days.reshape(*days.shape[:2], -1, an_hour)
        return hours.transpose(0, 2, 1, 3).reshape(len(days), hours.shape[2], -1)

    return _scores(scene, policy, logs, policy.anomaly_least * an_hour, by_hour_of_day)


def _anomalies(
    rule: str, scene: CandleScene, policy: Policy, scores: Floats, say: Callable[[int], str]
) -> list[Finding]:
    import numpy as np

    limit = policy.anomaly_score
    sizes = np.abs(scores)
    return each_row(rule, scene.rows, sizes > limit, scene.step, say, values=sizes, threshold=limit)


def _scores(
    scene: CandleScene, policy: Policy, values: Floats, least: int, grouped: Shape
) -> Floats:
    """Each series as a table of days by candles of a day, each day beside those before it.

    `grouped` makes of (day, day before, candle of the day) what is compared: (day, group, values);
    the groups split the candles of a day into equal parts.
    """
    import numpy as np

    rows, step, span = scene.rows, scene.step, policy.anomaly_days
    a_day = DAY_MS // step
    found = np.full(len(rows), np.nan)
    on_grid = (rows.times % step == 0) & (rows.times >= 0)
    for _, where in rows.series():
        asked = where.start + np.flatnonzero(rows.inside[where] & on_grid[where])
        if not len(asked):
            continue
        first_day = int(rows.times[asked[0]]) // DAY_MS - span
        last_day = int(rows.times[asked[-1]]) // DAY_MS
        told = where.start + np.flatnonzero(on_grid[where])
        day, cell = rows.times[told] // DAY_MS - first_day, rows.times[told] % DAY_MS // step
        within = day >= 0
        table = np.full((last_day - first_day, a_day), np.nan)
        before_last = within & (day < len(table))
        table[day[before_last], cell[before_last]] = values[told[before_last]]
        # (days asked for, candle of the day, days before) -> days before in the middle
        windows = np.lib.stride_tricks.sliding_window_view(table, span, axis=0)
        median, deviation = _standards(grouped(windows.transpose(0, 2, 1)), least)
        at = rows.times[asked] // DAY_MS - first_day - span
        group = rows.times[asked] % DAY_MS // step * median.shape[1] // a_day
        with np.errstate(all="ignore"):
            found[asked] = (values[asked] - median[at, group]) / deviation[at, group]
    return found


def _standards(values: NDArray[Any], least: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Median and MAD, scaled to a deviation, along the last axis; NaN where there is no telling."""
    import numpy as np

    counts = (~np.isnan(values)).sum(axis=-1)
    enough = counts >= max(least, 1)
    count = counts[enough]
    ranked = np.sort(values[enough], axis=-1)
    middle = _middle(ranked, count)
    distance = NORMAL_MAD * _middle(np.sort(np.abs(ranked - middle[:, None]), axis=-1), count)
    median, deviation = np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)
    median[enough], deviation[enough] = middle, np.where(distance > _NOTHING, distance, np.nan)
    return median, deviation


def _middle(ranked: Floats, count: Ints) -> Floats:
    """The median of so many ranked values. NumPy's own takes ten times as long where some are NaN;
    those rank last."""
    import numpy as np

    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, ranked.shape[-1] - 1)
    lower: Floats = np.take_along_axis(ranked, low[..., None], -1)[..., 0]
    upper: Floats = np.take_along_axis(ranked, high[..., None], -1)[..., 0]
    return (lower + upper) / 2
