"""What a free statement reads, by the plan that the engine makes of it.

The plan names tables, the columns that are left after pruning, and the constants that a table's
time is compared with: just what BigQuery bills by.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from market_assets.warehouse.connection import connect
from market_assets.warehouse.estimate import Scan, TableFacts
from market_assets.warehouse.layout import Layout
from market_assets.warehouse.table_facts import partition_column

if TYPE_CHECKING:
    import duckdb

# What has no facts counts for the minimum: the catalog's own tables as one, INFORMATION_SCHEMA.
CATALOG_TABLE = "information_schema.tables"
_EXPLAIN = "EXPLAIN (FORMAT JSON)\n"
_SAME_ROW = "file_row_number = file_row_number"
_EPOCH = date(1970, 1, 1)
_COMPARED = re.compile(
    r"(?:CAST\()?\"?(?P<column>\w+)\"?(?: AS TIMESTAMP WITH TIME ZONE\))?"
    r"\s*(?P<how>>=|<=|>|<|=)\s*'(?P<day>\d{4}-\d{2}-\d{2})(?P<rest>[^']*)'"
)
_MIDNIGHT = re.compile(r"[ T]?(00:00(:00(\.0+)?)?)?(\+00(:00)?|Z)?")


def scans_of(
    cursor: duckdb.DuckDBPyConnection, sql: str, tables: Mapping[str, TableFacts]
) -> tuple[Scan, ...]:
    """The tables that `sql`, one SELECT, reads."""
    import duckdb

    try:
        [(_, plan)] = cursor.execute(f"{_EXPLAIN}{sql}").fetchall()
    except duckdb.Error as error:
        raise type(error)(_as_written(str(error))) from error
    return tuple(scans_in(json.loads(plan), tables))


def _as_written(said: str) -> str:
    """DuckDB quotes the statement: without our first line, which nobody wrote."""
    return re.sub(r"^LINE (\d+):", lambda line: f"LINE {int(line[1]) - 1}:", said, flags=re.M)


@contextlib.contextmanager
def planner(
    layout: Layout, tables: Mapping[str, TableFacts]
) -> Iterator[Callable[[str], tuple[Scan, ...]]]:
    """What SQL of dbt reads, whatever is stored today: no scan is left out because it is empty.

    SQL that cannot be planned (a table that is gone by now) reads nothing that can be told.
    """
    import duckdb

    connection = connect(layout, read_only=True)
    try:
        connection.execute("SET disabled_optimizers = 'statistics_propagation,empty_result_pullup'")
        connection.execute("CREATE TEMP TYPE float64 AS DOUBLE")

        def reads_of(sql: str) -> tuple[Scan, ...]:
            try:
                return scans_of(connection, sql, tables)
            except duckdb.Error:
                return ()

        yield reads_of
    finally:
        connection.close()


def scans_in(nodes: list[dict[str, Any]], tables: Mapping[str, TableFacts]) -> Iterator[Scan]:
    for node in nodes:
        scan = _scan(node, tables)
        if scan is not None:
            yield scan
        children = node.get("children", [])
        if any(_SAME_ROW in text for text in _texts(node["extra_info"].get("Conditions"))):
            yield from _fetched(*(tuple(scans_in([child], tables)) for child in children))
        else:
            yield from scans_in(children, tables)


def _fetched(whole: Iterable[Scan], found: Sequence[Scan]) -> Iterator[Scan]:
    """The engine finds rows first and fetches their other columns after: days were told once."""
    days = {scan.table: (scan.first_day, scan.last_day) for scan in found}
    for scan in whole:
        first, last = days.get(scan.table, (scan.first_day, scan.last_day))
        yield replace(scan, first_day=first, last_day=last)
    yield from found


def _scan(node: Mapping[str, Any], tables: Mapping[str, TableFacts]) -> Scan | None:
    kind, told = node["name"].strip(), node["extra_info"]
    # A count(*) that the engine answers from its statistics is a column of numbers to it.
    if kind in ("SQLITE_SCAN", "COLUMN_DATA_SCAN"):
        return Scan(CATALOG_TABLE, ())
    if "SCAN" not in kind or "Table" not in told:
        return None
    table = _qualified(told["Table"], tables)
    facts = tables.get(table)
    if facts is None:
        return Scan(table, ())
    filters = _texts(told.get("Filters"))
    named = {word for text in filters for word in re.findall(r"\w+", text)}
    columns = [*_texts(told.get("Projections")), *(c for c in facts.widths if c in named)]
    first, last = _days(filters, partition_column(table, facts.widths))
    return Scan(table, tuple(dict.fromkeys(columns)), first, last)


def _qualified(name: str, tables: Mapping[str, TableFacts]) -> str:
    """The plan leaves out the schema; of two tables of one name the larger is meant."""
    plain = name.rpartition(".")[2].strip('"')
    found = [table for table in tables if table.partition(".")[2] == plain]
    return max(found, key=lambda table: tables[table].rows(), default=plain)


def _days(filters: list[str], column: str | None) -> tuple[int | None, int | None]:
    """The days that constants leave; anything but a plain comparison leaves all."""
    first: int | None = None
    last: int | None = None
    for text in filters:
        if column is None or re.search(r"\bOR\b", text):
            continue
        for found in _COMPARED.finditer(text):
            if found["column"] != column:
                continue
            day = (date.fromisoformat(found["day"]) - _EPOCH) // timedelta(days=1)
            if found["how"] in (">=", ">", "="):
                first = day if first is None else max(first, day)
            if found["how"] in ("<=", "<", "="):
                midnight = _MIDNIGHT.fullmatch(found["rest"]) is not None
                end = day - 1 if found["how"] == "<" and midnight else day
                last = end if last is None else min(last, end)
    return first, last


def _texts(told: Any) -> list[str]:
    if not told:
        return []
    return [told] if isinstance(told, str) else [str(text) for text in told]
