"""Numbers of marts once more, from the raw rows, in NumPy: on a grid without holes and with windows
of rows, where the marts have windows of time over rows with holes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def most_of(span: int) -> int:
    """The least number of values that a window must hold."""
    return int(np.ceil(span * 0.75))


def back(values: Numbers, steps: int) -> Numbers:
    """The values of so many steps before."""
    return np.concatenate([np.full(min(steps, len(values)), np.nan), values[:-steps]])


def windows(values: Numbers, span: int) -> Numbers:
    """One row for each value: it and those before it, `span` in all."""
    padded = np.concatenate([np.full(span - 1, np.nan), values])
    view: Numbers = np.lib.stride_tricks.sliding_window_view(padded, span)
    return view


def rolled(
    values: Numbers, span: int, statistic: Callable[..., Any], least: int | None = None
) -> Numbers:
    """A statistic of each window with enough values; NumPy's `nan...` pass over the rest."""
    rows = windows(values, span)
    enough = np.isfinite(rows).sum(axis=1) >= (most_of(span) if least is None else least)
    found = np.full(len(values), np.nan)
    if enough.any():
        found[enough] = statistic(rows[enough], axis=1)
    return found


deviation = partial(np.nanstd, ddof=1)


def slope_and_correlation(
    one: Numbers, other: Numbers, span: int, least: int | None = None
) -> tuple[Numbers, Numbers]:
    """Beta of one on the other and their correlation, from the pairs of each window."""
    both = np.isfinite(one) & np.isfinite(other)
    ones, others = (windows(np.where(both, side, np.nan), span) for side in (one, other))
    enough = np.isfinite(ones).sum(axis=1) >= (most_of(span) if least is None else least)
    beta, correlation = np.full(len(one), np.nan), np.full(len(one), np.nan)
    if enough.any():
        mine, its = (
            rows - np.nanmean(rows, axis=1, keepdims=True)
            for rows in (ones[enough], others[enough])
        )
        together, moved, its_moved = (
            np.nansum(product, axis=1) for product in (mine * its, mine * mine, its * its)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            beta[enough] = np.where(its_moved > 0, together / its_moved, np.nan)
            correlation[enough] = np.where(
                (its_moved > 0) & (moved > 0), together / np.sqrt(moved * its_moved), np.nan
            )
    return beta, correlation


def on_grid(frame: pd.DataFrame, time: str, step: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Each series of a venue and symbol on a grid of `step` without holes."""
    for key, series in frame.groupby(["venue", "symbol"]):
        rows = series.set_index(time).sort_index()
        grid = pd.date_range(rows.index[0], rows.index[-1], freq=step)
        yield key, rows.reindex(grid)


def days_of(candles: pd.DataFrame) -> pd.DataFrame:
    """Daily bars of raw hours."""
    by_day = candles.assign(date=candles["timestamp"].dt.normalize()).groupby(
        ["venue", "symbol", "date"]
    )
    summed = by_day[["volume", "quote_volume", "taker_buy_volume"]].sum(min_count=1)
    return summed.assign(
        open=by_day["open"].first(),
        high=by_day["high"].max(),
        low=by_day["low"].min(),
        close=by_day["close"].last(),
    ).reset_index()


def same(found: pd.DataFrame, expected: pd.DataFrame, keys: Sequence[str]) -> None:
    """Both have the same keys and columns, and everywhere the same value, to 1e-9 of it.

    Not to the last bit: the sum of a window is rounded otherwise where other rows come before."""
    assert set(found.columns) == set(expected.columns)
    left, right = (
        frame.sort_values(list(keys), ignore_index=True)[list(expected.columns)]
        for frame in (found, expected)
    )
    pd.testing.assert_frame_equal(left[list(keys)], right[list(keys)], check_dtype=False)
    wrong = {}
    for column in expected.columns:
        one, other = left[column], right[column]
        if pd.api.types.is_float_dtype(other):
            close = np.isclose(
                one.to_numpy(dtype=float),
                other.to_numpy(dtype=float),
                rtol=1e-9,
                atol=1e-12,
                equal_nan=True,
            )
        else:
            close = ((one == other) | (one.isna() & other.isna())).to_numpy()
        if not close.all():
            rows = left[list(keys)].assign(found=one, expected=other)[~close]
            wrong[column] = f"{len(rows)} rows\n{rows.head(5)}"
    assert not wrong, "\n".join(f"{column}: {text}" for column, text in wrong.items())
