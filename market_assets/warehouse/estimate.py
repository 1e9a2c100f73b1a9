"""What BigQuery would bill for a statement, by its documented rules: pure arithmetic.

A query is billed for the columns that it reads, in all rows of the day partitions that its
constants leave: LIMIT and a filter on another column save nothing. A MERGE or UPDATE is billed for
all columns of the partitions that it changes as well. Each table counts for 10 MB at least, the sum
is rounded up to a MB. Loads, copies and DDL are free.
https://cloud.google.com/bigquery/pricing#on_demand_pricing,
https://cloud.google.com/bigquery/docs/estimate-costs (both as quoted 2026-09)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.settings import Settings

MIB = 2**20
TIB = 2**40
# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types (storage size): a string
# has two bytes more than its UTF-8 text. Every other kind of ours has a size of its own.
WIDTHS: Mapping[str, int] = {
    "timestamp": 8,
    "date": 8,
    "float": 8,
    "integer": 8,
    "boolean": 1,
}
STRING_OVERHEAD = 2


@dataclass(frozen=True, slots=True)
class Prices:
    """The list price and the limits, from the settings."""

    dollars_per_tib: float = 6.25
    minimum_bytes: int = 10 * MIB
    maximum_bytes_billed: int = 10 * 2**30

    @classmethod
    def of(cls, settings: Settings) -> Prices:
        costs = settings.costs
        return cls(
            settings.marts.scan_dollars_per_tib, costs.minimum_bytes, costs.maximum_bytes_billed
        )


@dataclass(frozen=True, slots=True)
class Scan:
    """One table as a statement reads it; days are numbers since 1970, both ends included."""

    table: str  # raw.binance_ohlcv; raw.*_ohlcv is all that there are
    columns: tuple[str, ...] | None = None  # None is all
    first_day: int | None = None
    last_day: int | None = None
    rewrites: bool = False  # a MERGE, UPDATE or DELETE: its partitions are billed whole


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as BigQuery would get it. One without scans is free: a load, a copy, DDL."""

    label: str
    scans: tuple[Scan, ...] = ()
    # Bytes of the temporary tables that it reads besides, one number each.
    staged: tuple[int, ...] = ()
    asset: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows that lie between two days, both included, spread evenly."""

    first_day: int
    last_day: int
    rows: int


@dataclass(frozen=True, slots=True)
class TableFacts:
    """How large a table is: bytes of a value by column, rows by day."""

    widths: Mapping[str, float]
    spans: Sequence[Span] = ()
    undated_rows: int = 0  # in no partition: every statement reads them

    def rows(self, first_day: int | None = None, last_day: int | None = None) -> float:
        """Rows in the partitions of these days."""
        found = float(self.undated_rows)
        for span in self.spans:
            first = span.first_day if first_day is None else max(first_day, span.first_day)
            last = span.last_day if last_day is None else min(last_day, span.last_day)
            if first <= last:
                found += span.rows * (last - first + 1) / (span.last_day - span.first_day + 1)
        return found

    def row_bytes(self, columns: Iterable[str] | None = None) -> float:
        if columns is None:
            return sum(self.widths.values())
        return sum(self.widths.get(column, 0) for column in columns)


@dataclass(frozen=True, slots=True)
class Cost:
    bytes_processed: int = 0
    bytes_billed: int = 0
    dollars: float = 0.0


@dataclass(slots=True)
class _Read:
    """All that one statement reads of one table."""

    columns: set[str] | None = field(default_factory=set)
    first_day: int | None = None
    last_day: int | None = None
    rewritten: float = 0.0


def price(statement: Statement, tables: Mapping[str, TableFacts], prices: Prices) -> Cost:
    """The bill. A table that is not known (empty, or not there yet) counts for the minimum."""
    sizes = [float(size) for size in statement.staged]
    for table, read in _by_table(statement.scans, tables).items():
        facts = tables.get(table)
        if facts is None:
            sizes.append(0.0)
            continue
        rows = facts.rows(read.first_day, read.last_day)
        sizes.append(rows * facts.row_bytes(read.columns) + read.rewritten)
    if not sizes:
        return Cost()
    billed = math.ceil(sum(max(prices.minimum_bytes, size) for size in sizes) / MIB) * MIB
    return Cost(math.ceil(sum(sizes)), billed, billed / TIB * prices.dollars_per_tib)


def _by_table(scans: Iterable[Scan], tables: Mapping[str, TableFacts]) -> dict[str, _Read]:
    """A table that is named twice is read once: all the columns, all the days."""
    reads: dict[str, _Read] = {}
    for scan in scans:
        for table in _named(scan.table, tables):
            if table in reads:
                read = reads[table]
                read.first_day = _least(read.first_day, scan.first_day)
                read.last_day = _most(read.last_day, scan.last_day)
            else:
                read = reads[table] = _Read(set(), scan.first_day, scan.last_day)
            if scan.columns is None:
                read.columns = None
            elif read.columns is not None:
                read.columns.update(scan.columns)
            if scan.rewrites and table in tables:
                facts = tables[table]
                read.rewritten += facts.rows(scan.first_day, scan.last_day) * facts.row_bytes()
    return reads


def _named(pattern: str, tables: Mapping[str, TableFacts]) -> list[str]:
    if "*" not in pattern:
        return [pattern]
    return [table for table in tables if fnmatchcase(table, pattern)]


def _least(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else min(one, other)


def _most(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
