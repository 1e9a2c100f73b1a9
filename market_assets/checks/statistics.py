"""Means and deviations of the time before each row, as the windows of marts.ohlcv have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.checks.rows import Floats, Ints, Mask, Rows


def first_within(rows: Rows, span: int) -> Ints:
    """For each row the symbol's first row that lies at most `span` before it."""
    import numpy as np

    found = np.zeros(len(rows), dtype=np.int64)
    for _, where in rows.series():
        times = rows.times[where]
        found[where] = where.start + np.searchsorted(times, times - span)
    return found


def means_before(rows: Rows, values: Floats, first: Ints) -> Floats:
    """The mean of the rows from `first` to the one before; NaN where there is none."""
    import numpy as np

    counted = np.isfinite(values)
    at = np.arange(len(values))
    with np.errstate(all="ignore"):
        sums, sizes = _summed(values), _summed(np.abs(values))
        counts = _summed(counted.astype(float))
        count, total = counts[at] - counts[first], sums[at] - sums[first]
        means = total / np.where(count > 0, count, np.nan)
        again = rows.inside & (count > 0) & _digits_lost(total, sizes[at])
        for row in again.nonzero()[0].tolist():
            means[row] = np.nanmean(values[first[row] : row])
    return means


def scores_before(rows: Rows, values: Floats, first: Ints, least: int, matters: float) -> Floats:
    """Each value less the mean of the rows before it, in their sample deviations.

    NaN with fewer than `least` rows before, or where they did not vary. A score above `matters`
    inside the window is computed once more by itself.
    """
    import numpy as np

    level = np.zeros(len(values))
    for _, where in rows.series():
        known = values[where][np.isfinite(values[where])]
        level[where] = np.median(known) if len(known) else 0.0
    counted = np.isfinite(values)
    centred = np.where(counted, values - level, 0.0)
    at = np.arange(len(values))
    with np.errstate(all="ignore"):
        counts, sums = _summed(counted.astype(float)), _summed(centred)
        squares = _summed(centred * centred)
        count, total = counts[at] - counts[first], sums[at] - sums[first]
        square = squares[at] - squares[first]
        spread = np.maximum(square - total * total / count, 0.0)
        varied = _summed(values != rows.before(values, np.nan))
        same = varied[at] - varied[np.minimum(first + 1, at)] == 0
        lost = _digits_lost(spread, squares[at]) & ~same
        scores = (centred - total / count) / np.sqrt(spread / (count - 1))
        enough = (at - first >= least) & (count >= 2) & counted
        scores = np.where(enough & ~lost & ~same, scores, np.nan)
        again = enough & rows.inside & (lost | (np.abs(scores) > matters))
        for row in again.nonzero()[0].tolist():
            scores[row] = _score(values[first[row] : row], values[row])
    return scores


def _digits_lost(part: Floats, whole: Floats) -> Mask:
    """Where a difference of two sums is so small beside them that it may be rounding alone: after
    a value that dwarfs all others. Also where the sums were too large to be numbers."""
    import numpy as np

    return (np.abs(part) <= whole * 1e-9) | ~np.isfinite(part)


def _score(before: Floats, value: float) -> float:
    import numpy as np

    known = before[np.isfinite(before)]
    deviation = float(known.std(ddof=1)) if known.min() < known.max() else 0.0
    return float((value - known.mean()) / deviation) if deviation > 0 else np.nan


def _summed(values: Floats) -> Floats:
    """Sums of the values before each place, from 0; NaN counts as nothing."""
    import numpy as np

    return np.concatenate([[0.0], np.cumsum(np.where(np.isnan(values), 0.0, values))])
