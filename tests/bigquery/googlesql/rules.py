"""What BigQuery refuses although the statement is good GoogleSQL, read off the resolved statement.

Materialised views: https://cloud.google.com/bigquery/docs/materialized-views-create#query_limitations
Partition filters: https://cloud.google.com/bigquery/docs/querying-partitioned-tables
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import Message

_COMPARISONS = {
    "$equal", "$less", "$less_or_equal", "$greater", "$greater_or_equal", "$between", "$in",
    "$in_array",
}  # fmt: skip
_OF_VIEWS = {
    "any_value", "approx_count_distinct", "array_agg", "avg", "bit_and", "bit_or", "bit_xor",
    "count", "$count_star", "countif", "logical_and", "logical_or", "max", "max_by", "min",
    "min_by", "sum", "hll_count.init",
}  # fmt: skip
_NOT_IN_VIEWS = {
    "ResolvedAnalyticScanProto": "a window function",
    "ResolvedOrderByScanProto": "ORDER BY",
    "ResolvedLimitOffsetScanProto": "LIMIT",
    "ResolvedSampleScanProto": "TABLESAMPLE",
}
_CHANGING = {"current_timestamp", "current_date", "current_datetime", "current_time", "rand",
             "generate_uuid", "session_user"}  # fmt: skip
_WINDOW_ONLY = {"percentile_cont", "percentile_disc"}


def broken(statement: Message, required: Mapping[str, str]) -> Iterator[str]:
    """Each rule that the statement breaks; `required` is the partition column of each table that
    may not be asked without a bound on it."""
    nodes = list(_nodes(statement))
    for name, node in nodes:
        if name == "ResolvedAggregateFunctionCallProto" and _function(node) in _WINDOW_ONLY:
            yield f"{_function(node).upper()} needs OVER"
    if any(name == "ResolvedCreateMaterializedViewStmtProto" for name, _ in nodes):
        yield from _of_materialized_view(nodes)
    bounded = _bounded_columns(nodes)
    for name, node in nodes:
        if name != "ResolvedTableScanProto":
            continue
        table: Any = node
        partition = required.get(table.table.full_name)
        if partition is None:
            continue
        ids = {c.column_id for c in table.parent.column_list if c.name.lower() == partition.lower()}
        if not ids & bounded:
            yield f"{table.table.full_name} is asked without a constant bound on {partition}"


def _of_materialized_view(nodes: list[tuple[str, Message]]) -> Iterator[str]:
    scanned = []
    for name, node in nodes:
        if name in _NOT_IN_VIEWS:
            yield f"a materialized view may not have {_NOT_IN_VIEWS[name]}"
        if name == "ResolvedAggregateFunctionCallProto" and _function(node) not in _OF_VIEWS:
            yield f"a materialized view may not have the aggregate {_function(node)}"
        if name == "ResolvedFunctionCallProto" and _function(node) in _CHANGING:
            yield f"a materialized view may not have {_function(node)}"
        if name == "ResolvedJoinScanProto" and getattr(node, "join_type", 0) in (2, 3):
            yield "a materialized view may not have a right or full join"
        if name == "ResolvedTableScanProto":
            table: Any = node
            scanned.append(table.table.full_name)
    for table_name in {table for table in scanned if scanned.count(table) > 1}:
        yield f"a materialized view may not join {table_name} with itself"


def _bounded_columns(nodes: list[tuple[str, Message]]) -> set[int]:
    """The columns that are compared with something that no row decides."""
    found: set[int] = set()
    for name, node in nodes:
        if name != "ResolvedFunctionCallProto" or _function(node) not in _COMPARISONS:
            continue
        sides = [_column_ids(argument) for argument in _arguments(node)]
        if any(not side for side in sides):
            found |= set().union(*(side for side in sides if len(side) == 1))
    return found


def _arguments(node: Message) -> list[Message]:
    call: Any = node
    return list(call.parent.argument_list)


def _column_ids(node: Message) -> set[int]:
    return {
        inner.column.column_id  # type: ignore[attr-defined]
        for name, inner in _nodes(node)
        if name == "ResolvedColumnRefProto"
    }


def _function(node: Message) -> str:
    while "function" not in node.DESCRIPTOR.fields_by_name:
        node = node.parent  # type: ignore[attr-defined]
    name: str = node.function.name.split(":")[-1]  # type: ignore[attr-defined]
    return name.lower()


def _nodes(node: Message) -> Iterator[tuple[str, Message]]:
    """It and all below it; a stack: generators inside generators took a third of the time."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield type(found).__name__, found
        for field, value in found.ListFields():
            if field.name == "table_scan" and type(found).__name__ == "ResolvedInsertStmtProto":
                continue  # the target, of which nothing is read
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else (value,))
