"""What is odd about the numbers of a candle. The flags of marts.ohlcv ask the same in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.checks.findings import Finding
from market_assets.checks.policy import LEAST_VOLUMES, WEEK_MS, Policy
from market_assets.checks.statistics import first_within, means_before, scores_before
from market_assets.checks.telling import each_row, each_span
from market_assets.schemas.timeline import to_text

if TYPE_CHECKING:
    from market_assets.checks.rows import Floats, Mask, Rows
    from market_assets.checks.scenes import CandleScene


def off_grid(scene: CandleScene, _policy: Policy) -> list[Finding]:
    """Open times between the interval's, and those that nobody has lived yet."""
    import numpy as np

    rows, step = scene.rows, scene.step
    late = rows.times > scene.now_ms
    past = rows.times % step
    seconds = np.where(late, rows.times - scene.now_ms, np.minimum(past, step - past)) / 1000

    def say(row: int) -> str:
        if late[row]:
            return f"opens {seconds[row]:g} s in the future of {to_text(scene.now_ms)}"
        return f"opens {seconds[row]:g} s beside the grid of {scene.interval}"

    return each_row("off_grid", rows, late | (past != 0), step, say, values=seconds, threshold=0.0)


def ohlc_inconsistent(scene: CandleScene, _policy: Policy) -> list[Finding]:
    """High below open or close, low above them, a price that is not above 0, a volume below 0."""
    import numpy as np

    rows = scene.rows
    opened, high, low, close = (rows[name] for name in ("open", "high", "low", "close"))
    wrong: dict[str, Mask] = {
        "high is below open or close": high < np.maximum(opened, close),
        "low is above open or close": low > np.minimum(opened, close),
        "a price is not above 0": low <= 0,
        "volume is below 0": rows["volume"] < 0,
    }

    def say(row: int) -> str:
        reasons = ", ".join(reason for reason, mask in wrong.items() if mask[row])
        return (
            f"{reasons}: open {opened[row]:g}, high {high[row]:g}, low {low[row]:g},"
            f" close {close[row]:g}, volume {rows['volume'][row]:g}"
        )

    broken = np.logical_or.reduce(list(wrong.values()))
    return each_row("ohlc_inconsistent", rows, broken, scene.step, say)


def price_out_of_range(scene: CandleScene, policy: Policy) -> list[Finding]:
    """Close many times above or below the mean close of the seven days before."""
    import numpy as np

    rows, factor = scene.rows, policy.price_range_factor
    close = rows["close"]
    mean = means_before(rows, close, first_within(rows, WEEK_MS))
    with np.errstate(all="ignore"):
        found = (close > mean * factor) | (close < mean / factor)
        times = np.where(close > mean, close / mean, mean / close)

    def say(row: int) -> str:
        side = "above" if close[row] > mean[row] else "below"
        return (
            f"close {close[row]:g} is {times[row]:.4g} times {side} the mean of the seven days"
            f" before, {mean[row]:g}"
        )

    return each_row(
        "price_out_of_range", rows, found, scene.step, say, values=times, threshold=factor
    )


def price_jump(scene: CandleScene, policy: Policy) -> list[Finding]:
    """A move from the close before, which is at most seven days old."""
    import numpy as np

    rows, close = scene.rows, scene.rows["close"]
    before = rows.before(close, np.nan)
    age = rows.times - rows.before(rows.times, 0)
    base = np.where((age <= WEEK_MS) & (before != 0), before, np.nan)
    with np.errstate(all="ignore"):
        moved = close / base - 1

    def say(row: int) -> str:
        return f"close moved {moved[row]:+.2%}, from {before[row]:g} to {close[row]:g}"

    found = np.abs(moved) > policy.price_jump_percent / 100
    return each_row(
        "price_jump",
        rows,
        found,
        scene.step,
        say,
        values=np.abs(moved) * 100,
        threshold=policy.price_jump_percent,
    )


def volume_outlier(scene: CandleScene, policy: Policy) -> list[Finding]:
    """A volume many standard deviations away from the mean of the seven days before."""
    import numpy as np

    rows, limit = scene.rows, policy.volume_z_score
    volume = rows["volume"]
    scores = scores_before(
        rows, volume, first_within(rows, WEEK_MS), LEAST_VOLUMES, matters=limit / 2
    )

    def say(row: int) -> str:
        return f"volume {volume[row]:g} is {scores[row]:.1f} deviations from the week before"

    found = np.abs(scores) > limit
    return each_row(
        "volume_outlier", rows, found, scene.step, say, values=np.abs(scores), threshold=limit
    )


def cross_venue_divergence(scene: CandleScene, policy: Policy) -> list[Finding]:
    """Distance from the nearest of the other venues' closes at the same time.

    The nearest, so that one venue that is wrong does not make the right ones look so.
    """
    import numpy as np

    rows, close = scene.rows, scene.rows["close"]
    apart = np.full(len(rows), np.inf)
    for others in scene.other_rows:
        theirs = _at_the_same_time(rows, others)
        low, high = np.minimum(close, theirs), np.maximum(close, theirs)
        with np.errstate(all="ignore"):
            apart = np.fmin(apart, np.where(low != 0, high / low - 1, np.nan))
    percent = apart * 100

    def say(row: int) -> str:
        return f"close {close[row]:g} is {percent[row]:.2f} % away from the nearest other venue's"

    found = np.isfinite(apart) & (apart > policy.cross_venue_percent / 100)
    return each_row(
        "cross_venue_divergence",
        rows,
        found,
        scene.step,
        say,
        values=percent,
        threshold=policy.cross_venue_percent,
    )


def flat_run(scene: CandleScene, policy: Policy) -> list[Finding]:
    """Candles without a gap, each without volume and with one price; from the last needed one on.

    A finding's value is the length of the whole run; the run may have begun before the finding.
    """
    import numpy as np

    rows, least, step = scene.rows, policy.flat_run_candles, scene.step
    flat = (rows["volume"] == 0) & (rows["high"] == rows["low"]) & (rows["open"] == rows["close"])
    follows = flat & rows.before(flat, False)
    follows &= rows.times - rows.before(rows.times, 0) == step
    # A run begins at a flat candle that follows none; each of its candles counts from there.
    at = np.arange(len(rows))
    began = np.maximum.accumulate(np.where(follows, 0, at))
    length = np.where(flat, at - began + 1, 0).astype(float)

    def say(_first: int, last: int) -> str:
        price, since = rows["close"][last], to_text(int(rows.times[began[last]]))
        return f"{length[last]:.0f} candles without a trade at {price:g} since {since}"

    return each_span(
        "flat_run", rows, length >= least, step, say, values=length, threshold=float(least)
    )


def _at_the_same_time(rows: Rows, others: Rows) -> Floats:
    """For each row the other venue's close of the same symbol and time; NaN where there is none."""
    import numpy as np

    where = dict(others.series())
    found = np.full(len(rows), np.nan)
    for symbol, mine in rows.series():
        theirs = where.get(symbol)
        if theirs is not None:
            times = others.times[theirs]
            place = np.minimum(np.searchsorted(times, rows.times[mine]), len(times) - 1)
            same = times[place] == rows.times[mine]
            found[mine] = np.where(same, others["close"][theirs][place], np.nan)
    return found
