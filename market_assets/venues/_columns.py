"""Turn a page of loosely typed rows into arrow columns, losing no row and inventing no value.

The fast way converts whole columns. When one row spoils it, rows are read one by one and only the
unreadable ones are set aside, with what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from market_assets.schemas import arrow
from market_assets.venues.contract import Malformed, Rows

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["ms", "us", "number", "count"]

# What reading a row of the wrong shape or content raises.
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, OverflowError)


@dataclass(frozen=True, slots=True)
class Field:
    """Where a canonical column stands in a wire row. `at` None: the venue does not tell."""

    name: str
    kind: Kind
    at: int | str | None
    required: bool = True  # an empty string or absent key is null where it is not required


def candle_fields(
    volume: int,
    quote_volume: int,
    *,
    num_trades: int | None = None,
    taker_buy_volume: int | None = None,
    taker_buy_quote_volume: int | None = None,
) -> tuple[Field, ...]:
    """A candle row that begins with time, open, high, low and close, as they all do."""
    return (
        Field("timestamp", "ms", 0),
        Field("open", "number", 1),
        Field("high", "number", 2),
        Field("low", "number", 3),
        Field("close", "number", 4),
        Field("volume", "number", volume),
        Field("quote_volume", "number", quote_volume),
        Field("num_trades", "count", num_trades),
        Field("taker_buy_volume", "number", taker_buy_volume),
        Field("taker_buy_quote_volume", "number", taker_buy_quote_volume),
    )


def funding_fields(
    time: str, rate: str, *, predicted: str | None = None, mark_price: str | None = None
) -> tuple[Field, ...]:
    """A settlement, by the names of its keys."""
    return (
        Field("raw_timestamp", "ms", time),
        Field("funding_rate", "number", rate),
        Field("predicted_rate", "number", predicted, required=False),
        Field("mark_price", "number", mark_price, required=False),
    )


def read_rows(rows: Sequence[Any], fields: Sequence[Field]) -> Rows:
    """Rows (lists or dicts) as a table of the named columns."""
    try:
        return Rows(_table(rows, fields))
    except _UNREADABLE:
        pass
    good: list[Any] = []
    malformed: list[Malformed] = []
    for row in rows:
        try:
            _table([row], fields)
        except _UNREADABLE as error:
            malformed.append(Malformed(json.dumps(row, default=str), str(error)))
        else:
            good.append(row)
    return Rows(_table(good, fields), tuple(malformed))


def _table(rows: Sequence[Any], fields: Sequence[Field]) -> pa.Table:
    import pyarrow as pa

    return pa.table({field.name: _column(rows, field) for field in fields})


def _column(rows: Sequence[Any], field: Field) -> pa.Array:
    import pyarrow as pa

    target = {
        "ms": pa.timestamp("us", tz="UTC"),
        "us": pa.timestamp("us", tz="UTC"),
        "number": pa.float64(),
        "count": pa.int64(),
    }[field.kind]
    if field.at is None:
        return pa.nulls(len(rows), target)
    at: Any = field.at
    if field.required:
        values = [row[at] for row in rows]
        if None in values or "" in values:
            raise ValueError(f"{field.name} is empty")
    else:
        values = [(row.get(at) if isinstance(row, dict) else row[at]) or None for row in rows]
    if field.kind == "ms":
        values = [int(value) * 1000 for value in values]
    if field.kind == "us":
        # To the millisecond, in which a venue's API tells the same moment.
        values = [int(value) // 1000 * 1000 for value in values]
    column = arrow.column(values, target)
    # "NaN" and "Infinity" are words that Python reads as numbers; no price or rate is one.
    if field.kind == "number" and _not_finite(column) != column.null_count:
        raise ValueError(f"{field.name} is not a finite number")
    return column


def _not_finite(column: pa.Array) -> int:
    import numpy as np

    return int(np.count_nonzero(~np.isfinite(arrow.numbers(column))))
