"""How large the tables are, as the lake's own catalog tells: no data file is opened.

A file's rows are taken as spread evenly over its days, a text as long as the longer of the least
and the greatest that the catalog keeps of its column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from market_assets.warehouse.estimate import STRING_OVERHEAD, WIDTHS, Span, TableFacts
from market_assets.warehouse.sql import CATALOG, LIVE_TABLES, literal

if TYPE_CHECKING:
    import duckdb

_EPOCH = date(1970, 1, 1).toordinal()
# By what BigQuery would partition each table; tables of ops that are no logs are read whole.
_OF_DATA = ("timestamp", "date")
PARTITIONED_BY: Mapping[str, str] = {
    "ops.alert_deliveries": "changed_at",
    "ops.alerts": "changed_at",
    "ops.builds": "built_from",
    "ops.changes": "changed_at",
    "ops.check_results": "checked_at",
    "ops.query_costs": "issued_at",
    "ops.requests": "requested_at",
    "ops.revisions": "revised_at",
}
_UNPARTITIONED = ("raw.quarantine",)
_TYPES: Mapping[str, str] = {
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
    "date": "date",
    "float64": "float",
    "float32": "float",
    "boolean": "boolean",
}
# A text of which the catalog has no example: the column is empty, or all NULL.
_UNSEEN_TEXT = 16


def partition_column(table: str, columns: Iterable[str]) -> str | None:
    """The column by whose days the table would be partitioned on BigQuery."""
    schema, _, _ = table.partition(".")
    if schema not in ("raw", "marts"):
        return PARTITIONED_BY.get(table)
    if table in _UNPARTITIONED:
        return None
    names = set(columns)
    return next((name for name in _OF_DATA if name in names), None)


def read_facts(connection: duckdb.DuckDBPyConnection) -> dict[str, TableFacts]:
    """Every table of the lake by its name, from three reads of the catalog."""
    names, widths = _columns(connection)
    times = {i: partition_column(name, widths[i]) for i, name in names.items()}
    days: dict[int, list[Span]] = {}
    seen: dict[int, int] = {}
    for table, column, first, last, rows in _dated(connection):
        if table in names and times[table] == column:
            days.setdefault(table, []).append(Span(_day(first), _day(last), rows))
            seen[table] = seen.get(table, 0) + rows
    counted = dict(_counted(connection))
    return {
        name: TableFacts(
            widths[table],
            days.get(table, ()),
            max(0, counted.get(table, 0) - seen.get(table, 0)),
        )
        for table, name in names.items()
    }


def _columns(
    connection: duckdb.DuckDBPyConnection,
) -> tuple[dict[int, str], dict[int, dict[str, float]]]:
    names: dict[int, str] = {}
    widths: dict[int, dict[str, float]] = {}
    for table, schema, name, column, kind, shortest, longest in connection.execute(
        "SELECT t.table_id, s.schema_name, t.table_name, c.column_name, lower(c.column_type),"
        " strlen(g.min_value), strlen(g.max_value)"
        f" FROM {LIVE_TABLES}"
        f" JOIN {CATALOG}.ducklake_column c ON c.table_id = t.table_id"
        f" LEFT JOIN {CATALOG}.ducklake_table_column_stats g"
        " ON g.table_id = t.table_id AND g.column_id = c.column_id"
        " WHERE c.end_snapshot IS NULL"
        " ORDER BY c.column_order"
    ).fetchall():
        names[table] = f"{schema}.{name}"
        text = max((n for n in (shortest, longest) if n is not None), default=_UNSEEN_TEXT)
        widths.setdefault(table, {})[column] = _width(kind, text)
    return names, widths


def _width(kind: str, text: int) -> float:
    if kind in ("varchar", "json"):
        return text + STRING_OVERHEAD
    # decimals and all kinds of integers have eight bytes as well, those of the timestamps
    return WIDTHS[_TYPES.get(kind, "integer")]


def _dated(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str, str, int]]:
    """Rows of the files by table, time column, and the first and last day in them."""
    columns = ", ".join(map(literal, sorted({*_OF_DATA, *PARTITIONED_BY.values()})))
    return connection.execute(
        "SELECT f.table_id, c.column_name, substr(g.min_value, 1, 10), substr(g.max_value, 1, 10),"
        " CAST(sum(f.record_count - coalesce(d.delete_count, 0)) AS BIGINT)"
        f" FROM {CATALOG}.ducklake_data_file f"
        f" JOIN {CATALOG}.ducklake_column c ON c.table_id = f.table_id AND c.end_snapshot IS NULL"
        f" AND c.column_name IN ({columns})"
        f" JOIN {CATALOG}.ducklake_file_column_stats g"
        " ON g.data_file_id = f.data_file_id AND g.column_id = c.column_id"
        f" LEFT JOIN {CATALOG}.ducklake_delete_file d"
        " ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL"
        " WHERE f.end_snapshot IS NULL AND g.min_value IS NOT NULL GROUP BY ALL"
    ).fetchall()


def _counted(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    return connection.execute(
        "SELECT f.table_id, CAST(sum(f.record_count - coalesce(d.delete_count, 0)) AS BIGINT)"
        f" FROM {CATALOG}.ducklake_data_file f"
        f" LEFT JOIN {CATALOG}.ducklake_delete_file d"
        " ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL"
        " WHERE f.end_snapshot IS NULL GROUP BY ALL"
    ).fetchall()


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - _EPOCH
