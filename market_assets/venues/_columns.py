"""Turn a page of loosely typed rows into arrow columns, losing no row and inventing no value.

The fast way converts whole columns. When one row spoils it, rows are read one by one and only the
unreadable ones are set aside, with what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from market_assets.venues.contract import Malformed, Rows

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["ms", "number", "count"]


@dataclass(frozen=True, slots=True)
class Field:
    """Where a canonical column stands in a wire row. `at` None: the venue does not tell."""

    name: str
    kind: Kind
    at: int | str | None
    required: bool = True  # an empty string or absent key is null where it is not required


def read_rows(rows: Sequence[Any], fields: Sequence[Field]) -> Rows:
    """Rows (lists or dicts) as a table of the named columns."""
    import pyarrow as pa

    try:
        return Rows(_table(rows, fields))
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, TypeError, KeyError, IndexError):
        pass
    good: list[Any] = []
    malformed: list[Malformed] = []
    for row in rows:
        try:
            _table([row], fields)
        except (
            pa.ArrowInvalid,
            pa.ArrowTypeError,
            ValueError,
            TypeError,
            KeyError,
            IndexError,
        ) as error:
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
        "ms": pa.timestamp("ms", tz="UTC"),
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
        # As integers first: a string of digits is not a time to arrow.
        return pa.array(values).cast(pa.int64()).cast(target).cast(pa.timestamp("us", tz="UTC"))
    array = pa.array(values)
    if field.kind == "number" and pa.types.is_integer(array.type):
        return array.cast(target, safe=False)
    return array.cast(target)
