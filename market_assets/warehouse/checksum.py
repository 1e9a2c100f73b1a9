"""A checksum of rows that does not depend on their order, nor on the engine that gave them.

Each row is hashed to two numbers of 64 bits, and these are summed: two tables with the same rows
have the same sums, a row that is there twice counts twice, and the sums of parts add up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Lane = NDArray[np.uint64]

_MODULUS = 2**64
_LANES = 2
# Odd numbers of splitmix64 (Steele, Lea, Flood 2014): each step is one to one.
_STEP = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST_SHIFT = 31
_NULL = 0x6E756C6C  # "null"


@dataclass(frozen=True, slots=True)
class Checksum:
    """How many rows, and the sums of their hashes."""

    rows: int = 0
    sums: tuple[int, ...] = (0,) * _LANES

    def __add__(self, other: Checksum) -> Checksum:
        sums = ((one + two) % _MODULUS for one, two in zip(self.sums, other.sums, strict=True))
        return Checksum(self.rows + other.rows, tuple(sums))

    def __str__(self) -> str:
        return f"{self.rows}:{''.join(f'{one:016x}' for one in self.sums)}"


def checksum(rows: pa.Table) -> Checksum:
    """Of all columns, by their names: their order does not matter either."""
    if not rows.num_rows:
        return Checksum()
    import numpy as np

    lanes = [np.full(rows.num_rows, lane, dtype=np.uint64) for lane in range(_LANES)]
    for name in sorted(rows.column_names):
        values = _values(rows.column(name))
        for lane in range(_LANES):
            named = np.uint64(_named(name, lane))
            lanes[lane] = _mixed(lanes[lane] + named ^ values[lane])
    return Checksum(rows.num_rows, tuple(int(lane.sum(dtype=np.uint64)) for lane in lanes))


def _values(column: pa.ChunkedArray) -> list[Lane]:
    """Each value as a number of 64 bits in each lane; what is null is like nothing else."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        lanes = _texts(column.cast(pa.string()))
    else:
        plain = _plain(column)
        lanes = [_mixed(plain + np.uint64(lane)) for lane in range(_LANES)]
    if column.null_count:
        absent = arrow.bits(pc.is_null(column).combine_chunks())
        lanes = [np.where(absent, np.uint64(_NULL + lane), each) for lane, each in enumerate(lanes)]
    return lanes


def _plain(column: pa.ChunkedArray) -> Lane:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        found = arrow.bits(pc.fill_null(column, False).combine_chunks())
        return found.astype(np.uint64)
    if pa.types.is_timestamp(column.type):
        # A zone says how it is shown, not when it was.
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    if pa.types.is_floating(column.type):
        values: Any = arrow.numbers(pc.fill_null(column.cast(pa.float64()), 0.0))
        # Both zeros are equal, and so are all that are no number.
        values = np.where(np.isnan(values), np.nan, values) + 0.0
        return np.ascontiguousarray(values).view(np.uint64)
    return arrow.numbers(pc.fill_null(column.cast(pa.int64()), 0)).view(np.uint64)


def _texts(column: pa.ChunkedArray) -> list[Lane]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    digests = [hashlib.blake2b(text.encode(), digest_size=16).digest()
               for text in encoded.dictionary.to_pylist()]  # fmt: skip
    known = np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, _LANES)
    places = arrow.numbers(encoded.indices.cast(pa.int64()))
    return [known[places, lane].astype(np.uint64) for lane in range(_LANES)]


def _mixed(values: Lane) -> Lane:
    """splitmix64: one bit that differs changes half of the bits."""
    import numpy as np

    mixed = values + np.uint64(_STEP)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(_LAST_SHIFT))


def _named(name: str, lane: int) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8, salt=bytes([lane])).digest()
    return int.from_bytes(digest, "little")
