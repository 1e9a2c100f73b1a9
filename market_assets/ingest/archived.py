"""What the rows of an archive's file settle. Pure functions.

A row that is there is a fact; a row that is not proves nothing: files are published with holes,
and replaced later. So only what came is complete, and what else is known of a series stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from market_assets.ingest.finding import Finding
from market_assets.ingest.funding import INTERVALS_MS
from market_assets.ingest.rows import Origin, canonical, judged, times_ms, unreadable
from market_assets.schemas import arrow
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import (
    HOUR_MS,
    INTERVALS,
    MINUTE_MS,
    Window,
    merge,
    subtract,
    to_ms,
    windows_of,
)
from market_assets.venues._archive_files import ArchiveFile
from market_assets.venues.contract import Rows
from market_assets.warehouse.contract import Gap, QuarantinedRow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# What the archive does not tell of a settlement, or may stamp some milliseconds differently.
_TOLD_BY_API = ("predicted_rate", "mark_price", "raw_timestamp")


def candles_of(
    rows: Rows, symbol: str, wanted: Sequence[Window], origin: Origin, now: int
) -> Finding:
    """The closed candles of a file that open in the wanted windows; each settles its own slot."""
    step = INTERVALS[origin.interval]
    times = times_ms(rows.table)
    chosen = rows.table.filter(arrow.mask(_within(times, wanted) & (times + step <= now)))
    table = canonical(OHLCV, chosen, symbol, origin, now)
    good, bad = judged(OHLCV, table, symbol, origin.released)
    return Finding(
        symbol,
        windows_of(times_ms(good).tolist(), step),
        [good],
        [*unreadable([rows], symbol), *bad],
    )


@dataclass(frozen=True, slots=True)
class KnownFunding:
    """What is stored around a file's span: the settlements by time, and what is absent."""

    settlements: Mapping[int, Mapping[str, Any]]  # as `arrow.records` has them
    gaps: Sequence[Gap]


def funding_of(
    rows: Rows,
    file: ArchiveFile,
    wanted: Sequence[Window],
    known: KnownFunding,
    origin: Origin,
    now: int,
) -> Finding:
    """The settlements of a file in the wanted windows, and the time in which none was due."""
    symbol, span = file.symbol, file.window
    good, bad = _settlements(rows, symbol, origin, now)
    times = times_ms(good).tolist()
    hours = _intervals(times, good.column("interval_hours").to_pylist(), known.settlements)
    inside = _within(times_ms(good), wanted)
    slots = [Window(t, t + MINUTE_MS) for t, own in zip(times, inside, strict=True) if own]
    broken = [_minute_of(row) for row in bad]
    quiet = without_settlement(times, hours, span)
    unwanted = subtract(quiet, wanted)
    quiet = subtract(quiet, [*unwanted, *broken, *_kept_as_known(known.gaps)])
    return Finding(
        symbol,
        merge([*slots, *quiet]),
        [_with_what_is_told(good, hours, known.settlements).filter(arrow.mask(inside))],
        [
            *unreadable([rows], symbol),
            # A file is read whole; what is wrong elsewhere in it is told when that is asked for.
            *(row for row, minute in zip(bad, broken, strict=True) if _any(wanted, minute)),
        ],
    )


def without_settlement(
    times: Sequence[int], hours: Sequence[float | None], span: Window
) -> list[Window]:
    """Where nothing was due, by the settlements' own word: each says how long it had run.

    Between two of them that follow one another at their interval, and before the first as far back
    as it ran. After the last only where the next one is due in the next file: rows can be lost at
    the end of a file as well.
    """
    lengths = [None if told is None else round(told * HOUR_MS) for told in hours]
    found: list[Window] = []
    for (earlier, later), length in zip(pairwise(times), lengths[1:], strict=False):
        if length is not None and later - earlier <= length:
            found.append(Window(earlier, later))
    if times and lengths[0] is not None:
        found.append(Window(times[0] - lengths[0] + MINUTE_MS, times[0]))
    if times and lengths[-1] is not None and times[-1] + lengths[-1] >= span.end:
        found.append(Window(times[-1], max(times[-1], span.end)))
    return merge(found)


def _settlements(
    rows: Rows, symbol: str, origin: Origin, now: int
) -> tuple[pa.Table, list[QuarantinedRow]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    table = rows.table
    nothing = pa.nulls(table.num_rows, pa.float64())
    table = (
        table.append_column(
            "timestamp", pc.round_temporal(table.column("raw_timestamp"), unit="minute")
        )
        .append_column("predicted_rate", nothing)
        .append_column("mark_price", nothing)
    )
    table = canonical(FUNDING_RATES, table, symbol, origin, now)
    good, bad = judged(FUNDING_RATES, table, symbol, origin.released)
    return good.sort_by("timestamp"), bad


def _intervals(
    times: Sequence[int],
    told: Sequence[float | None],
    stored: Mapping[int, Mapping[str, Any]],
) -> list[float | None]:
    """Hours since the settlement before, as the API's rows have them.

    The file's own column is what the venue had set, which at a change of the interval can be more
    than the time that had passed; where a settlement is not known, less.
    """
    moments = sorted({*times, *stored})
    before = {later: earlier for earlier, later in pairwise(moments)}
    found: list[float | None] = []
    for time, hours in zip(times, told, strict=True):
        passed = time - before[time] if time in before else None
        if hours is not None and passed is not None:
            found.append(min(hours, passed / HOUR_MS))
        elif time in stored and stored[time]["interval_hours"] is not None:
            found.append(stored[time]["interval_hours"])
        elif hours is None and passed in INTERVALS_MS:
            found.append(passed / HOUR_MS)
        else:
            found.append(hours)
    return found


def _with_what_is_told(
    table: pa.Table, hours: Sequence[float | None], stored: Mapping[int, Mapping[str, Any]]
) -> pa.Table:
    """The intervals, and from the stored rows what the archive has no column for: no correction."""
    before = [stored.get(time, {}) for time in times_ms(table).tolist()]
    columns: dict[str, Sequence[Any]] = {"interval_hours": hours}
    for name in _TOLD_BY_API:
        pairs = zip(arrow.records(table.select([name])), before, strict=True)
        columns[name] = [own[name] if old.get(name) is None else old[name] for own, old in pairs]
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        kind: pa.Field = table.schema.field(at)
        table = table.set_column(at, kind, arrow.column(values, kind.type))
    return table


def _kept_as_known(gaps: Iterable[Gap]) -> list[Window]:
    """Absences that only a row can end: judged ones, and the minute of a settlement that is due.

    A longer span is time that nobody could be asked about; the file's settlements speak for it.
    """
    return [gap.window for gap in gaps if gap.reason != "missing" or gap.window.length <= MINUTE_MS]


def _within(times: NDArray[np.int64], windows: Iterable[Window]) -> NDArray[np.bool_]:
    """Which of the times lie in one of the windows."""
    import numpy as np

    joined = merge(windows)
    if not joined:
        return np.zeros(len(times), dtype=bool)
    starts = np.array([window.start for window in joined], dtype=np.int64)
    ends = np.array([window.end for window in joined], dtype=np.int64)
    at = np.searchsorted(starts, times, side="right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (times < ends[at])
    return inside


def _any(windows: Iterable[Window], minute: Window) -> bool:
    return any(minute.overlaps(window) for window in windows)


def _minute_of(row: QuarantinedRow) -> Window:
    assert row.timestamp is not None  # a time that can't be read makes a row unreadable
    moment = to_ms(row.timestamp)
    return Window(moment, moment + MINUTE_MS)
