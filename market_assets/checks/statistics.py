"""Means and deviations of the time before each row, as the windows of marts.ohlcv have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.checks.rows import Floats, Ints, Rows


def first_within(rows: Rows, span: int) -> Ints:
    """For each row the symbol's first row that lies at most `span` before it."""
    import numpy as np

    found = np.zeros(len(rows), dtype=np.int64)
    for _, where in rows.series():
        times = rows.times[where]
        found[where] = where.start + np.searchsorted(times, times - span)
    return found


def means_before(values: Floats, first: Ints) -> Floats:
    """The mean of the rows from `first` to the one before; NaN where there is none."""
    import numpy as np

    counted = np.isfinite(values)
    sums = _summed(np.where(counted, values, 0.0))
    counts = _summed(counted.astype(float))
    at = np.arange(len(values))
    count = counts[at] - counts[first]
    return (sums[at] - sums[first]) / np.where(count > 0, count, np.nan)


def scores_before(rows: Rows, values: Floats, first: Ints, least: int, matters: float) -> Floats:
    """Each value less the mean of the rows before it, in their sample deviations.

    NaN with fewer than `least` rows before, or where they did not vary. Sums of squares lose digits
    where one value dwarfs the others: inside the window, a score above `matters` and one of which
    too few digits are left is computed once more by itself.
    """
    import numpy as np

    level = np.zeros(len(values))
    for _, where in rows.series():
        known = values[where][np.isfinite(values[where])]
        level[where] = np.median(known) if len(known) else 0.0
    counted = np.isfinite(values)
    centred = np.where(counted, values - level, 0.0)
    at = np.arange(len(values))
    counts = _summed(counted.astype(float))
    count = counts[at] - counts[first]
    sums, squares = _summed(centred), _summed(centred * centred)
    total, square = sums[at] - sums[first], squares[at] - squares[first]
    enough = (at - first >= least) & (count >= 2) & counted
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.maximum(square - total * total / count, 0.0)
        # So little is left that it may be rounding alone. (Nothing at all: they are all the same.)
        lost = (spread <= squares[at] * 1e-9) & (square > 0)
        scores = (centred - total / count) / np.sqrt(spread / (count - 1))
        again = enough & rows.inside & (lost | (np.abs(scores) > matters))
    scores = np.where(enough & ~lost & (spread > 0), scores, np.nan)
    for row in again.nonzero()[0].tolist():
        scores[row] = _score(values[first[row] : row], values[row])
    return scores


def _score(before: Floats, value: float) -> float:
    import numpy as np

    known = before[np.isfinite(before)]
    deviation = float(known.std(ddof=1)) if known.min() < known.max() else 0.0
    return float((value - known.mean()) / deviation) if deviation > 0 else np.nan


def _summed(values: Floats) -> Floats:
    """Sums of the values before each place, from 0."""
    import numpy as np

    return np.concatenate([[0.0], np.cumsum(values)])
