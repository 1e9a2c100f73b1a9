"""Every statement that ran is noted in a file, with the schemas of the tables it named, for the
analyser to judge: the emulator takes DuckDB's SQL as well, and BigQuery does not.

Statements that differ in their values only are noted once.
"""

from __future__ import annotations

import contextvars
import json
import re
import threading
from pathlib import Path
from typing import Any

from local_bigquery.catalog import tables
from local_bigquery.errors import BigQueryError
from local_bigquery.jobs import query, runner
from local_bigquery.models import JobConfigurationQuery

_named: contextvars.ContextVar[set[tuple[str, str, str]]] = contextvars.ContextVar("named")
_values = re.compile(r"'(?:[^'\\]|\\.|'')*'|\b[0-9][0-9a-f]*\b|[0-9a-f]{8,}|\d+")
# dbt asks for the columns of a model before it makes it of the same text.
_OF_DBT = "__dbt_sbq"
_paths = re.compile(r"`[^`]*[`.](?=\w)")


def note_in(log: Path) -> None:
    _execute, _statement = query.execute, query._statement
    lock, shapes = threading.Lock(), set()

    def statement(cur: Any, tree: Any, context: Any, *rest: Any) -> Any:
        try:
            return _statement(cur, tree, context, *rest)
        finally:
            _named.get(set()).update(context.referenced)

    def execute(
        cur: Any, project_id: str, job_id: str | None, config: JobConfigurationQuery, **named: Any
    ) -> Any:
        token = _named.set(set())
        try:
            done = _execute(cur, project_id, job_id, config, **named)
            shape = _values.sub("0", _paths.sub("", config.query or ""))
            with lock:
                # A job without a text, such as a dry run of nothing, has nothing to be judged.
                if shape and shape not in shapes and _OF_DBT not in shape:
                    shapes.add(shape)
                    with log.open("a") as file:
                        file.write(json.dumps(_noted(project_id, config, _named.get())) + "\n")
            return done
        finally:
            _named.reset(token)

    query._statement = statement
    query.execute = runner.query.execute = execute


def _noted(
    project_id: str, config: JobConfigurationQuery, named: set[tuple[str, str, str]]
) -> dict[str, Any]:
    default = config.defaultDataset
    return {
        "sql": config.query,
        "project": project_id,
        "dataset": default.datasetId if default else None,
        "parameters": [
            {"name": parameter.name, **_parameter(parameter.parameterType.dump())}
            for parameter in config.queryParameters or ()
        ],
        "tables": [described for path in sorted(named) for described in _described(path)],
    }


def _described(path: tuple[str, str, str]) -> list[dict[str, Any]]:
    try:
        table = tables.load(*path)
    except BigQueryError:
        # Made and dropped by the same script.
        return []
    partitions = table.timePartitioning
    required = partitions.field if partitions and table.requirePartitionFilter else None
    fields = [field.dump() for field in tables.fields(table)]
    shown = [{"name": f["name"], "type": f["type"], **_inner(f)} for f in fields]
    return [{"path": list(path), "fields": shown, "required": required}]


def _inner(field: dict[str, Any]) -> dict[str, Any]:
    found = {"mode": "REPEATED"} if field.get("mode") == "REPEATED" else {}
    inner = field.get("fields") or []
    return found | ({"fields": [{**f, **_inner(f)} for f in inner]} if inner else {})


def _parameter(kind: dict[str, Any]) -> dict[str, Any]:
    if kind["type"] == "ARRAY":
        return {**_parameter(kind["arrayType"]), "mode": "REPEATED"}
    return {"type": kind["type"]}
