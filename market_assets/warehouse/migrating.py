"""Copies the raw and ops tables of one store to another, exactly, month by month.

A part is a month of a table, or a day of it where a month has more rows than fit well into memory.
Each is replaced in one transaction and read back: the checksums of both sides have to be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from market_assets.errors import CopyDiffers, RequestInvalid
from market_assets.schemas.timeline import DAY_MS, Window, to_datetime, to_ms
from market_assets.warehouse.checksum import Checksum, checksum
from market_assets.warehouse.ddl import StoredTable, dataset_of, raw_table
from market_assets.warehouse.migration_memory import Memory
from market_assets.warehouse.parts import Parts
from market_assets.warehouse.tables import BUILDS, COMMON_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

DOING = "Migrating the warehouse"
# About 100 MB of arrow: a month of more rows is copied by days.
MOST_ROWS_AT_ONCE = 500_000
_NAMED = 3
_FOUR_DAYS = timedelta(days=4)  # from the 28th of any month into the next

Fate = Literal["to copy", "to compare", "other data", "copied", "already there", "past retention"]


class Copied(Protocol):
    """What a store has to offer to be copied from or to."""

    def parts(self) -> Parts: ...

    def tables(self) -> frozenset[str]: ...

    def ensure(self, venues: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Some days of a table, and how many rows both sides have in them."""

    table: StoredTable
    label: str  # 2026-01, or 2026-01-31
    window: Window
    source_rows: int
    target_rows: int
    is_kept: bool

    @property
    def name(self) -> str:
        return f"{_name(self.table)} {self.label}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part; without checksums where nothing was read."""

    part: Part
    fate: Fate
    source: Checksum | None = None
    target: Checksum | None = None


@dataclass(slots=True)
class Migration:
    """One source, one target, and what of them is to be copied."""

    source: Copied
    target: Copied
    memory: Memory
    only: Sequence[str] = ()  # raw.binance_ohlcv; none is all
    replace: bool = False  # other data in the target as well
    rows_at_once: int = MOST_ROWS_AT_ONCE
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def tables(self) -> list[StoredTable]:
        """The tables that are copied, in their order."""
        names = self.source.tables()
        ours = [table for table in COMMON_TABLES if table is not BUILDS and _name(table) in names]
        raw = [table for name in sorted(names) if (table := raw_table_named(name)) is not None]
        found = [*raw, *ours]
        unknown = sorted(set(self.only) - {_name(table) for table in found})
        if unknown:
            raise RequestInvalid(
                DOING,
                f"there is nothing to copy that is called {', '.join(unknown)}",
                f"Name one or more of {', '.join(_name(table) for table in found)}",
            )
        return [table for table in found if not self.only or _name(table) in self.only]

    def plan(self, target_is_there: bool = True) -> list[Part]:
        """Every part that either side has rows in, from counts alone."""
        return [
            part
            for table in self.tables()
            for part in _parts_of(
                table,
                self.source.parts().days(table),
                self.target.parts().days(table) if target_is_there else {},
                self.target.parts().kept_since(table, self.now()) if target_is_there else 0,
                self.rows_at_once,
            )
        ]

    def foreseen(self, part: Part) -> Fate:
        """What would become of a part, as far as counts alone can tell."""
        if not part.is_kept:
            return "past retention"
        if self._is_others(part) and not self.replace:
            return "other data"
        return "to compare" if part.target_rows == part.source_rows else "to copy"

    def run(self) -> Iterator[Outcome]:
        """Copy what is not there yet; one outcome for each part as it is done."""
        venues = {table.name.removesuffix(f"_{dataset.name}") for table in self.tables()
                  if table.schema == "raw" and (dataset := dataset_of(table.name))}  # fmt: skip
        self.target.ensure(sorted(venues))
        parts = self.plan()
        if not self.replace:
            _refuse_other_data(part for part in parts if self._is_others(part))
        for part in parts:
            yield self._copied(part)

    def _is_others(self, part: Part) -> bool:
        """Whether the counts alone tell that the target has rows that we have not copied."""
        counts_differ = part.is_kept and part.target_rows not in (0, part.source_rows)
        return counts_differ and not self.memory.has(part.name)

    def _copied(self, part: Part) -> Outcome:
        if not part.is_kept:
            return Outcome(part, "past retention")
        source, target = self.source.parts(), self.target.parts()
        rows = source.read(part.table, part.window)
        wanted = checksum(rows)
        if part.target_rows:
            found = checksum(target.read(part.table, part.window))
            if found == wanted:
                self.memory.keep(part.name, str(wanted))
                return Outcome(part, "already there", wanted, found)
            if not self.replace and not self.memory.knows(part.name, str(found)):
                _refuse_other_data([part])
        _refuse_missing_values(part, rows)
        self.memory.intend(part.name, str(wanted))
        target.replace(part.table, part.window, rows)
        found = checksum(target.read(part.table, part.window))
        if found != wanted:
            raise CopyDiffers(
                f"Copying {part.name}",
                f"the source has {wanted.rows} rows and the target {found.rows} after it,"
                f" and their checksums differ ({wanted} and {found})",
                "Stop what writes to either store, then run the same command again: it copies"
                " this part anew.",
            )
        self.memory.keep(part.name, str(wanted))
        return Outcome(part, "copied", wanted, found)


def raw_table_named(name: str) -> StoredTable | None:
    """`raw.binance_ohlcv` as a table of ours; None for another's."""
    schema, _, plain = name.partition(".")
    dataset = dataset_of(plain)
    if schema != "raw" or dataset is None:
        return None
    return raw_table(plain.removesuffix(f"_{dataset.name}"), dataset)


def _parts_of(
    table: StoredTable,
    source: Mapping[int, int],
    target: Mapping[int, int],
    kept_since: int,
    rows_at_once: int,
) -> Iterator[Part]:
    months: dict[str, list[int]] = {}
    for day in sorted({*source, *target}):
        months.setdefault(f"{to_datetime(day * DAY_MS):%Y-%m}", []).append(day)

    def part(label: str, days: Sequence[int], window: Window) -> Part:
        rows, there = (sum(side.get(day, 0) for day in days) for side in (source, target))
        return Part(table, label, window, rows, there, window.start >= kept_since)

    for month, found in months.items():
        days = found
        begin = to_ms(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC))
        end = to_ms((to_datetime(begin).replace(day=28) + _FOUR_DAYS).replace(day=1))
        whole = Window(begin, end)
        rows = max(sum(side.get(day, 0) for day in days) for side in (source, target))
        if begin < kept_since < end:
            # The days that the target would drop at once stay apart from those that it keeps.
            old = [day for day in days if day * DAY_MS < kept_since]
            young = [day for day in days if day * DAY_MS >= kept_since]
            yield from ([part(month, old, Window(begin, kept_since))] if old else [])
            days, whole = young, Window(kept_since, end)
        if rows <= rows_at_once:
            yield from ([part(month, days, whole)] if days else [])
            continue
        for day in days:
            window = Window(day * DAY_MS, (day + 1) * DAY_MS)
            yield part(f"{to_datetime(window.start):%Y-%m-%d}", [day], window)


def _refuse_other_data(parts: Iterator[Part] | list[Part]) -> None:
    found = list(parts)
    if found:
        named = "; ".join(
            f"{part.name}: {part.target_rows} rows there, {part.source_rows} in the source"
            for part in found[:_NAMED]
        )
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise RequestInvalid(
            DOING,
            f"the target holds other data, which no migration from this source has put there:"
            f" {named}{more}",
            "Name an empty target (warehouse.path, bigquery.dataset_prefix), or use --replace to"
            " have the tables there made the same as the source's.",
        )


def _refuse_missing_values(part: Part, rows: pa.Table) -> None:
    """An older version left a column out, and a table that is made today refuses such rows."""
    for column in part.table.columns:
        absent = rows.column(column.name).null_count
        if absent and not column.nullable:
            raise RequestInvalid(
                f"Copying {part.name}",
                f"{absent} of {rows.num_rows} rows have no {column.name}, which each row of"
                f" {_name(part.table)} has to have",
                "Give them one in the source, or leave this table out: name the others by --table.",
            )


def _name(table: StoredTable) -> str:
    return f"{table.schema}.{table.name}"
