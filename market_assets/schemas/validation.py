"""Split a canonical frame into rows that obey every rule and rows that don't, with the reasons.

All failures of all rows come back at once. Nothing is lost: rows in == rows good + rows bad.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.datasets import Column, Dataset
from market_assets.schemas.rules import Arrays

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

DUPLICATE_KEY = "duplicate_key"
NULL_VALUE = "null_value"


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that broke rules: where it stood, why, and all of what it said."""

    index: int
    reasons: tuple[str, ...]
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Validated:
    good: pa.Table
    bad: tuple[BadRow, ...]

    def reason_counts(self) -> dict[str, int]:
        return dict(Counter(reason for row in self.bad for reason in row.reasons))


def arrays_of(dataset: Dataset, table: pa.Table) -> Arrays:
    """The columns that some rule reads, as rules read them."""
    read = {name for rule in dataset.rules for name in rule.columns}
    return {c.name: _array(c, table) for c in dataset.columns if c.name in read}


def _array(column: Column, table: pa.Table) -> NDArray[Any]:
    import numpy as np

    values = table.column(column.name)
    if column.kind == "timestamp":
        micros = arrow.numbers(values)
        # With a null these are floats, null is NaN, and no comparison with it holds.
        return micros / 1000 if values.null_count else micros // 1000
    if column.kind in ("float", "integer"):
        return np.asarray(arrow.numbers(values), dtype=float)
    text = np.empty(len(values), dtype=object)
    text[:] = values.to_pylist()
    return text


def broken_rules(dataset: Dataset, arrays: Arrays, table: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Reason code -> mask of the rows that earn it; only codes that some row earns."""
    import numpy as np

    masks: dict[str, NDArray[np.bool_]] = {}
    nulls = np.zeros(table.num_rows, dtype=bool)
    for column in dataset.columns:
        if not column.nullable and table.column(column.name).null_count:
            nulls |= arrow.bits(table.column(column.name).combine_chunks().is_null())
    masks[NULL_VALUE] = nulls
    with np.errstate(invalid="ignore"):  # NaN is null: comparisons with it are false, as meant
        for rule in dataset.rules:
            mask = np.asarray(rule.broken(arrays), dtype=bool)
            masks[rule.code] = masks.get(rule.code, False) | mask
    masks[DUPLICATE_KEY] = _duplicates(dataset, table)
    return {code: mask for code, mask in masks.items() if mask.any()}


def _duplicates(dataset: Dataset, table: pa.Table) -> NDArray[np.bool_]:
    """Repeats of a row, and every row of a key whose rows contradict each other.

    One copy of a repeated row is good. Of two different rows with one key none can be trusted.
    """
    import numpy as np

    mask = np.zeros(table.num_rows, dtype=bool)
    keys = arrow.keys(table, dataset.key)
    # Counting distinct keys is cheap; looking row by row is only worth it when some key repeats.
    if len(set(keys)) == table.num_rows:
        return mask
    rows_of: dict[tuple[Any, ...], list[int]] = {}
    for index, key in enumerate(keys):
        rows_of.setdefault(key, []).append(index)
    values = table.select(list(dataset.values))
    for rows in rows_of.values():
        if len(rows) > 1:
            said = {tuple(values.slice(row, 1).to_pylist()[0].items()) for row in rows}
            mask[rows if len(said) > 1 else rows[1:]] = True
    return mask


def validate(dataset: Dataset, table: pa.Table) -> Validated:
    """Judge every row by every rule."""
    import numpy as np

    if table.num_rows == 0:
        return Validated(table, ())
    masks = broken_rules(dataset, arrays_of(dataset, table), table)
    if not masks:
        return Validated(table, ())
    any_broken = np.logical_or.reduce(list(masks.values()))
    where = np.flatnonzero(any_broken)
    rows = table.take(arrow.indices(where)).to_pylist()
    bad = tuple(
        BadRow(int(index), tuple(code for code, mask in masks.items() if mask[index]), row)
        for index, row in zip(where, rows, strict=True)
    )
    return Validated(table.filter(arrow.mask(~any_broken)), bad)
