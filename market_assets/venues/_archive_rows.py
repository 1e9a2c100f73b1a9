"""A zip of a bulk archive to canonical rows. What varies is read off each file, never off its date.

Headings: some files have one, older have none. Times: milliseconds, or microseconds (spot files
since 2025-01-01). https://github.com/binance/binance-public-data
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from market_assets.errors import ArchiveCorrupt
from market_assets.schemas import arrow
from market_assets.venues._archive_files import ArchiveFile
from market_assets.venues._columns import Field, Kind, read_rows
from market_assets.venues.contract import Malformed, Rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# A month of minutes is 5 MB; what claims to be much more is no such file.
MOST_BYTES = 256 * 1024 * 1024
# As milliseconds that would be the year 5138, as microseconds it is 1973.
MICROSECONDS_FROM = 10**14

_CANDLES = {
    "open_time": Field("timestamp", "ms", 0),
    "open": Field("open", "number", 1),
    "high": Field("high", "number", 2),
    "low": Field("low", "number", 3),
    "close": Field("close", "number", 4),
    "volume": Field("volume", "number", 5),
    "quote_volume": Field("quote_volume", "number", 7),
    "count": Field("num_trades", "count", 8),
    "taker_buy_volume": Field("taker_buy_volume", "number", 9),
    "taker_buy_quote_volume": Field("taker_buy_quote_volume", "number", 10),
}
_FUNDING = {
    "calc_time": Field("raw_timestamp", "ms", 0),
    "funding_interval_hours": Field("interval_hours", "number", 1, required=False),
    "last_funding_rate": Field("funding_rate", "number", 2),
}


def read_zip(content: bytes, file: ArchiveFile) -> Rows:
    """The rows of a verified zip, and those that could not be read or lie outside of its span."""
    text = _unpacked(content, file)
    known = _CANDLES if file.interval else _FUNDING
    first, _, rest = text.partition(b"\n")
    names = first.decode("utf-8", "replace").strip().split(",")
    fields = tuple(known.values())
    if not names[0].isdigit():
        fields, text = _by_heading(names, known, file), rest
    try:
        rows = Rows(_table(text, len(names), fields))
    except ValueError:  # some value is none: find out which rows have it
        rows = _one_by_one(text, fields)
    return _inside(rows, fields[0].name, file)


def broken(file: ArchiveFile, problem: str) -> ArchiveCorrupt:
    return ArchiveCorrupt(
        f"Reading {file.name} of {file.venue}'s archive",
        problem,
        "Nothing of it was stored. Run again later: files are replaced; or bring the same span from"
        " the API (--source rest)",
        venue=file.venue,
        file=file.path,
    )


def _unpacked(content: bytes, file: ArchiveFile) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = packed.infolist()
            if len(members) != 1 or members[0].file_size > MOST_BYTES:
                raise broken(file, "one CSV of some megabytes is expected in it")
            return packed.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise broken(file, f"it cannot be unpacked: {error}") from error


def _by_heading(
    names: Sequence[str], known: dict[str, Field], file: ArchiveFile
) -> tuple[Field, ...]:
    """Where the heading says that each column stands."""
    missing = [name for name in known if name not in names]
    if missing:
        raise broken(file, f"its heading {','.join(names)!r} lacks {', '.join(missing)}")
    return tuple(replace(field, at=names.index(name)) for name, field in known.items())


def _table(text: bytes, width: int, fields: Sequence[Field]) -> pa.Table:
    """All rows at once; a value that is none of its kind is an error."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if not text.strip():
        return read_rows([], fields).table
    names = [str(place) for place in range(width)]
    kinds = {str(f.at): pa.float64() if f.kind == "number" else pa.int64() for f in fields}
    told = arrow_csv.read_csv(
        pa.BufferReader(text),
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=kinds, include_columns=list(kinds), null_values=[""]
        ),
    )
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    for field in fields:
        values = told.column(str(field.at))
        if field.required and values.null_count:
            raise ValueError(f"{field.name} is empty")
        if field.kind == "number":
            finite = np.isfinite(arrow.numbers(values))
            if np.count_nonzero(~finite) != values.null_count:
                raise ValueError(f"{field.name} is not a finite number")
        if field.kind == "ms":
            values = _times(arrow.numbers(values))
        columns[field.name] = values
    return pa.table(columns)


def _times(told: NDArray[np.int64]) -> pa.Array:
    """Either unit as the store keeps it, to the millisecond in which the API tells a moment."""
    import numpy as np
    import pyarrow as pa

    micros = told // 1000 * 1000 if told.max() >= MICROSECONDS_FROM else told * 1000
    buffer = pa.py_buffer(np.ascontiguousarray(micros))
    return pa.Array.from_buffers(pa.timestamp("us", tz="UTC"), len(micros), [None, buffer])


def _one_by_one(text: bytes, fields: Sequence[Field]) -> Rows:
    """The readable rows of a file in which some are not."""
    rows = list(csv.reader(io.StringIO(text.decode("utf-8", "replace"))))
    rows = [row for row in rows if row]
    at = fields[0].at
    assert isinstance(at, int)
    times = [int(row[at]) for row in rows if len(row) > at and row[at].isdigit()]
    unit: Kind = "us" if max(times, default=0) >= MICROSECONDS_FROM else "ms"
    return read_rows(rows, [replace(f, kind=unit) if f.kind == "ms" else f for f in fields])


def _inside(rows: Rows, time: str, file: ArchiveFile) -> Rows:
    """A row of another day does not belong to the file: nobody asked for it there."""
    micros = arrow.numbers(rows.table.column(time))
    inside = (micros >= file.window.start * 1000) & (micros < file.window.end * 1000)
    if inside.all():
        return rows
    problem = f"it is not of {file.window}"
    strays = tuple(
        Malformed(json.dumps(row, default=str), problem)
        for row in rows.table.filter(arrow.mask(~inside)).to_pylist()
    )
    return Rows(rows.table.filter(arrow.mask(inside)), (*rows.malformed, *strays))
