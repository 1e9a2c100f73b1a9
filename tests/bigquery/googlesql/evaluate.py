"""Queries run by Google's reference implementation of GoogleSQL, over given rows.

    evaluate.py FOLDER

FOLDER holds queries.json, {"name": {"sql", "tables": {"project.dataset.table": "file.parquet"}}};
`name.answer.parquet` is written beside it for each. It is the implementation that BigQuery is held
against: slow, and exact in what a null, a window or a function means.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from language import language
from service import Service
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.public import type_pb2

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# BigQuery documents MAX_BY(x, y) as a synonym for this, and the reference has only this.
# https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions#max_by
_BY = re.compile(r"\b(max|min)_by\((\w+), (case when .*? end|\w+)\)", re.DOTALL)


def main() -> None:
    folder = Path(sys.argv[1])
    service = Service()
    for name, query in json.loads((folder / "queries.json").read_text()).items():
        tables = {path: pq.read_table(folder / file) for path, file in query["tables"].items()}
        pq.write_table(evaluate(service, query["sql"], tables), folder / f"{name}.answer.parquet")


def evaluate(service: Service, sql: str, tables: dict[str, pa.Table]) -> pa.Table:
    request = messages.PrepareQueryRequest()
    request.options.language_options.CopyFrom(language())
    request.options.default_timezone = "UTC"
    catalog = request.simple_catalog
    catalog.builtin_function_options.language_options.CopyFrom(language())
    for path, rows in tables.items():
        quoted = "`" + path.replace(".", "`.`") + "`"
        sql = sql.replace(quoted, f"`{path}`")
        made = catalog.table.add(name=path)
        for field in rows.schema:
            made.column.add(name=field.name).type.type_kind = _kind(field.type)
        _put(request.table_content[path].table_data, rows)
    request.sql = _BY.sub(r"any_value(\2 having \1 \3)", sql)
    prepared = service.prepare(request).prepared
    answer = service.run(
        messages.EvaluateQueryRequest(prepared_query_id=prepared.prepared_query_id)
    )
    names = [column.name for column in prepared.columns]
    found = [[_value(cell) for cell in row.cell] for row in answer.content.table_data.row]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in found])


def _put(data: Any, rows: pa.Table) -> None:
    data.SetInParent()
    columns = [column.to_pylist() for column in rows.columns]
    for values in zip(*columns, strict=True):
        row = data.row.add()
        for value in values:
            _fill(row.cell.add(), value)


def _fill(cell: Any, value: Any) -> None:
    if isinstance(value, bool):
        cell.bool_value = value
    elif isinstance(value, int):
        cell.int64_value = value
    elif isinstance(value, float):
        cell.double_value = value
    elif isinstance(value, str):
        cell.string_value = value
    elif isinstance(value, datetime):
        since = value.replace(tzinfo=UTC) - EPOCH
        cell.timestamp_value.seconds = since.days * 86_400 + since.seconds
        cell.timestamp_value.nanos = since.microseconds * 1000
    elif isinstance(value, date):
        cell.date_value = (value - EPOCH.date()).days


def _value(cell: Any) -> Any:
    kind = cell.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(cell, kind)
    if kind == "timestamp_value":
        return EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    return EPOCH.date() + timedelta(days=value) if kind == "date_value" else value


def _kind(stored: pa.DataType) -> int:
    if pa.types.is_timestamp(stored):
        return type_pb2.TYPE_TIMESTAMP
    if pa.types.is_date(stored):
        return type_pb2.TYPE_DATE
    if pa.types.is_floating(stored):
        return type_pb2.TYPE_DOUBLE
    if pa.types.is_integer(stored):
        return type_pb2.TYPE_INT64
    return type_pb2.TYPE_BOOL if pa.types.is_boolean(stored) else type_pb2.TYPE_STRING


if __name__ == "__main__":
    main()
