"""Between Arrow, NumPy and Python values, without the import of pandas.

`pyarrow.array` and `to_numpy` import pandas to see whether it has to do with one of its objects:
0.4 s of CPU and 50 MB in every run that has no other use for it. These work on the buffers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from market_assets.schemas.timeline import to_micros

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def numbers(values: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Integers and times (as they are stored) as int64, or float64 where one is null; floats so."""
    import numpy as np
    import pyarrow as pa

    whole = not pa.types.is_floating(values.type)
    kind = np.dtype(np.int64 if whole else np.float64)
    if not len(values):
        return np.empty(0, dtype=kind)
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    found = np.frombuffer(
        array.buffers()[1], dtype=kind, count=len(array), offset=array.offset * kind.itemsize
    )
    if not array.null_count:
        return found
    return np.where(bits(array.is_null()), np.nan, found)


def bits(values: pa.BooleanArray) -> NDArray[np.bool_]:
    """Booleans without nulls as NumPy has them."""
    import numpy as np

    packed = np.frombuffer(values.buffers()[1], dtype=np.uint8)
    unpacked = np.unpackbits(packed, bitorder="little")
    return unpacked[values.offset : values.offset + len(values)].astype(bool)


def keys(table: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Each row's values of some columns, to tell rows apart by."""
    import pyarrow as pa

    columns = (table.column(name) for name in names)
    return list(
        zip(
            *(
                numbers(values).tolist()
                if pa.types.is_timestamp(values.type) and not values.null_count
                else values.to_pylist()
                for values in columns
            ),
            strict=True,
        )
    )


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Rows by column name, times as microseconds. (`to_pylist` of a time imports pandas.)"""
    import pyarrow as pa

    columns = [
        (values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_pylist()
        for values in table.columns
    ]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def mask(selected: NDArray[np.bool_]) -> pa.Array:
    """Booleans of NumPy as an arrow column, to filter by."""
    import numpy as np
    import pyarrow as pa

    packed = pa.py_buffer(np.packbits(selected, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(selected), [None, packed])


def indices(at: NDArray[np.intp]) -> pa.Array:
    """Positions, to take rows by."""
    import numpy as np
    import pyarrow as pa

    buffer = pa.py_buffer(np.ascontiguousarray(at, dtype=np.int64))
    return pa.Array.from_buffers(pa.int64(), len(at), [None, buffer])


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values, None for null, as an arrow column. Text is read as a number where one is wanted."""
    import numpy as np
    import pyarrow as pa

    nulls = np.fromiter((value is None for value in values), bool, len(values))
    if pa.types.is_string(kind):
        return _strings(values, nulls)
    if pa.types.is_boolean(kind):
        said = np.fromiter((bool(value) for value in values), bool, len(values))
        buffer = pa.py_buffer(np.packbits(said, bitorder="little"))
    else:
        buffer = pa.py_buffer(_numbers(values, kind, bool(nulls.any())))
    return pa.Array.from_buffers(kind, len(values), [_validity(nulls), buffer])


def constant(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    """One value, `count` times."""
    import numpy as np

    return column([value], kind).take(indices(np.zeros(count, dtype=np.int64)))


def table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows of named values as a table; a name that a row lacks is null."""
    import pyarrow as pa

    return pa.Table.from_arrays(
        [column([row.get(field.name) for row in rows], field.type) for field in schema],
        schema=schema,
    )


def _numbers(values: Sequence[Any], kind: pa.DataType, some_null: bool) -> NDArray[Any]:
    import numpy as np
    import pyarrow as pa

    if some_null:
        values = [0 if value is None else value for value in values]
    if pa.types.is_timestamp(kind):
        if kind.unit != "us":
            raise ValueError(f"times are kept in microseconds, not {kind}")
        return np.array(
            [to_micros(v) if isinstance(v, datetime) else v for v in values], dtype=np.int64
        )
    if pa.types.is_int64(kind):
        # Through Python's int: NumPy would cut 1.5 to 1 without a word.
        return np.array([int(value) for value in values], dtype=np.int64)
    return np.array(values, dtype=np.float64)


def _strings(values: Sequence[str | None], nulls: NDArray[np.bool_]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(
        len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), _validity(nulls)
    )


def _validity(nulls: NDArray[np.bool_]) -> pa.Buffer | None:
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
