"""A frame as rules compute with it: NumPy columns in order of symbol and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.timeline import Window

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

CANDLE_NUMBERS = ("open", "high", "low", "close", "volume", "num_trades")
FUNDING_NUMBERS = ("funding_rate", "interval_hours", "raw_timestamp")


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of equal length; times in milliseconds, numbers as floats with NaN for null."""

    names: tuple[str, ...]  # the symbols, in order
    starts: Ints  # where each symbol's rows begin, and the end of the last one's
    times: Ints
    numbers: Mapping[str, Floats]
    inside: Mask  # which rows are reported: those of the window

    @classmethod
    def of(cls, table: pa.Table, numbers: Sequence[str], window: Window) -> Rows:
        """A row without a symbol or a time has no place, and of a key stored twice the last counts.

        Both break the schema, which is judged elsewhere.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        # Not the bare number: to see what it is pyarrow imports pandas.
        end = arrow.column([window.end * 1000], pa.int64())[0]
        placed = pc.and_(
            pc.and_(table["symbol"].is_valid(), table["timestamp"].is_valid()),
            pc.less(table["timestamp"].cast("int64"), end),
        )
        table = table.filter(placed)
        times = arrow.numbers(table["timestamp"]) // 1000
        names, codes = _coded(table["symbol"])
        stored = (
            arrow.numbers(table["ingestion_time"])
            if "ingestion_time" in table.column_names and table["ingestion_time"].null_count == 0
            else np.zeros(len(times), dtype=np.int64)
        )
        order = np.lexsort((stored, times, codes))
        codes, times = codes[order], times[order]
        last = np.ones(len(order), dtype=bool)
        last[:-1] = (codes[1:] != codes[:-1]) | (times[1:] != times[:-1])
        order, codes, times = order[last], codes[last], times[last]
        return cls(
            names=names,
            starts=np.searchsorted(codes, np.arange(len(names) + 1)).astype(np.int64),
            times=times,
            numbers={name: _floats(table[name])[order] for name in numbers},
            inside=times >= window.start,
        )

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, name: str) -> Floats:
        return self.numbers[name]

    def series(self) -> Iterator[tuple[str, slice]]:
        """Each symbol with where its rows are."""
        bounds = self.starts.tolist()
        for name, first, end in zip(self.names, bounds, bounds[1:], strict=False):
            yield name, slice(first, end)

    def symbol_of(self, row: int) -> str:
        import numpy as np

        return self.names[int(np.searchsorted(self.starts, row, side="right")) - 1]

    def first_of_symbol(self) -> Mask:
        """Rows that have no row before them."""
        import numpy as np

        first: Mask = np.zeros(len(self), dtype=bool)
        first[self.starts[:-1]] = True
        return first

    def before(self, values: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Each row's value of the row before, `missing` for a symbol's first."""
        import numpy as np

        found = np.empty_like(values)
        found[1:] = values[:-1]
        found[self.starts[:-1]] = missing
        return found


def _coded(symbols: pa.ChunkedArray) -> tuple[tuple[str, ...], Ints]:
    """The symbols in order of the alphabet, and each row's place in them."""
    import numpy as np

    # Of no rows: pyarrow makes an array of nothing, and imports pandas for it.
    if not len(symbols):
        return (), np.empty(0, dtype=np.int64)
    coded = symbols.combine_chunks().dictionary_encode()
    told = coded.dictionary.to_pylist()
    names = tuple(sorted(told))
    place = {name: index for index, name in enumerate(names)}
    ranks = np.array([place[name] for name in told], dtype=np.int64)
    codes = arrow.numbers(coded.indices.cast("int64"))
    return names, ranks[codes]


def _floats(values: pa.ChunkedArray) -> Floats:
    """Numbers, and times as milliseconds, as floats. What is not finite is no number."""
    import numpy as np
    import pyarrow as pa

    found = np.asarray(arrow.numbers(values), dtype=np.float64)
    if pa.types.is_timestamp(values.type):
        return found / 1000
    return np.where(np.isfinite(found), found, np.nan)
