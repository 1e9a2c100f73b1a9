"""The tables, variables and functions that a statement may name, as the analyser wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.proto import (
    function_pb2,
    options_pb2,
    simple_catalog_pb2,
)
from zetasql.wasi._pb2.zetasql.public import simple_table_pb2, type_pb2

_KINDS = {
    "STRING": "STRING", "BYTES": "BYTES", "BOOL": "BOOL", "BOOLEAN": "BOOL", "INT64": "INT64",
    "INTEGER": "INT64", "FLOAT64": "DOUBLE", "FLOAT": "DOUBLE", "NUMERIC": "NUMERIC",
    "BIGNUMERIC": "BIGNUMERIC", "DATE": "DATE", "DATETIME": "DATETIME", "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP", "JSON": "JSON", "INTERVAL": "INTERVAL", "GEOGRAPHY": "GEOGRAPHY",
}  # fmt: skip
# https://cloud.google.com/bigquery/docs/information-schema-intro: the columns that are asked for
_VIEWS = {
    "SCHEMATA": "catalog_name schema_name location creation_time:TIMESTAMP"
    " last_modified_time:TIMESTAMP",
    "TABLES": "table_catalog table_schema table_name table_type is_insertable_into is_typed"
    " creation_time:TIMESTAMP ddl",
    "COLUMNS": "table_catalog table_schema table_name column_name ordinal_position:INT64"
    " is_nullable data_type is_hidden is_partitioning_column clustering_ordinal_position:INT64",
    "TABLE_OPTIONS": "table_catalog table_schema table_name option_name option_type option_value",
    "PARTITIONS": "table_catalog table_schema table_name partition_id total_rows:INT64"
    " total_logical_bytes:INT64 last_modified_time:TIMESTAMP storage_tier",
    "TABLE_STORAGE": "project_id table_catalog table_schema table_name creation_time:TIMESTAMP"
    " total_rows:INT64 total_partitions:INT64 total_logical_bytes:INT64"
    " active_logical_bytes:INT64 long_term_logical_bytes:INT64 total_physical_bytes:INT64"
    " storage_last_modified_time:TIMESTAMP deleted:BOOL table_type",
    "JOBS": "job_id project_id user_email job_type statement_type state query parent_job_id"
    " creation_time:TIMESTAMP start_time:TIMESTAMP end_time:TIMESTAMP"
    " total_bytes_processed:INT64 total_bytes_billed:INT64 total_slot_ms:INT64 cache_hit:BOOL"
    " labels:LABELS",
}
_LEGACY = (
    "project_id dataset_id table_id creation_time:INT64 last_modified_time:INT64 row_count:INT64"
    " size_bytes:INT64 type:INT64"
)
_LABELS = {
    "type": "RECORD",
    "mode": "REPEATED",
    "fields": [{"name": "key", "type": "STRING"}, {"name": "value", "type": "STRING"}],
}


def type_of(field: Mapping[str, Any]) -> type_pb2.TypeProto:
    """A column's type from the API's description of it."""
    kind = field["type"].split("(")[0].upper()
    if kind in ("RECORD", "STRUCT"):
        made = type_pb2.TypeProto(type_kind=type_pb2.TYPE_STRUCT)
        for inner in field.get("fields", ()):
            made.struct_type.field.add(field_name=inner["name"], field_type=type_of(inner))
    else:
        made = type_pb2.TypeProto(type_kind=type_pb2.TypeKind.Value(f"TYPE_{_KINDS[kind]}"))
    if field.get("mode") != "REPEATED":
        return made
    return type_pb2.TypeProto(
        type_kind=type_pb2.TYPE_ARRAY, array_type=type_pb2.ArrayTypeProto(element_type=made)
    )


class Catalogue:
    """Tables by their three names, and variables; one catalogue serves statements that agree."""

    def __init__(self, language: options_pb2.LanguageOptionsProto) -> None:
        self._language = language
        self.tables: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self.variables: dict[str, type_pb2.TypeProto] = {}
        self.project: str | None = None
        # Whose tables go by their last name alone: the job's default dataset.
        self.dataset: str | None = None

    def takes(
        self, project: str, dataset: str | None, tables: Mapping[tuple[str, str, str], Any]
    ) -> bool:
        """Add what a statement names, unless something here goes by the same name."""
        same = all(self.tables.get(path, fields) == fields for path, fields in tables.items())
        if self.project is not None and (self.project, self.dataset) != (project, dataset):
            return False
        if not same:
            return False
        self.project, self.dataset = project, dataset
        self.tables.update(tables)
        return True

    def request(self) -> messages.RegisterCatalogRequest:
        root = simple_catalog_pb2.SimpleCatalogProto(name="root")
        root.builtin_function_options.language_options.CopyFrom(self._language)
        root.custom_function.extend(_by(name) for name in ("MAX_BY", "MIN_BY"))
        _add_procedures(root.catalog.add(name="bq"))
        root.procedure.append(_refresh())
        for name, kind in self.variables.items():
            root.constant.add(name_path=[name], type=kind)
        nested: dict[tuple[str, ...], Any] = {(): root}
        datasets = {(project, dataset) for project, dataset, _ in self.tables}
        for path, fields in self.tables.items():
            _add(nested, path, fields, self.project)
            if path[:2] == (self.project, self.dataset):
                _place(nested, path[2:], _described(path, fields))
        for project, dataset in sorted(datasets):
            for view, columns in _VIEWS.items():
                _add(
                    nested, (project, dataset, "INFORMATION_SCHEMA", view), _fields(columns),
                    self.project,
                )  # fmt: skip
            _add(nested, (project, dataset, "__TABLES__"), _fields(_LEGACY), self.project)
        for region in ("region-eu", "region-us", "region-europe-west4"):
            for view in ("JOBS", "JOBS_BY_PROJECT", "TABLE_STORAGE", "SCHEMATA", "TABLES"):
                columns = _fields(_VIEWS[view.removesuffix("_BY_PROJECT")])
                path = (self.project or "", region, "INFORMATION_SCHEMA", view)
                _add(nested, path, columns, self.project)
        return messages.RegisterCatalogRequest(simple_catalog=root)


def _fields(columns: str) -> list[dict[str, Any]]:
    pairs = (column.partition(":") for column in columns.split())
    return [
        {"name": name, **(_LABELS if kind == "LABELS" else {"type": kind or "STRING"})}
        for name, _, kind in pairs
    ]


def _add(
    nested: dict[tuple[str, ...], Any],
    path: tuple[str, ...],
    fields: Iterable[Mapping[str, Any]],
    project: str | None,
) -> None:
    """Under every way to write the name: with and without the project, quoted whole or in parts."""
    table = _described(path, fields)
    for parts in {path, path[1:] if path[0] == project else path}:
        for first in range(1, len(parts) + 1):
            # The first `first` parts in one pair of back quotes, the rest one by one.
            written = (".".join(parts[:first]), *parts[first:])
            for cut in range(1, len(written)):
                whole = (*written[:cut], ".".join(written[cut:]))
                _place(nested, whole, table)
            _place(nested, written, table)


def _described(path: tuple[str, ...], fields: Iterable[Mapping[str, Any]]) -> Any:
    table = simple_table_pb2.SimpleTableProto(name=path[-1], full_name=".".join(path))
    for field in fields:
        table.column.add(name=field["name"], type=type_of(field), is_writable_column=True)
    return table


def _place(
    nested: dict[tuple[str, ...], Any],
    written: tuple[str, ...],
    table: simple_table_pb2.SimpleTableProto,
) -> None:
    for depth in range(1, len(written)):
        prefix = written[:depth]
        if prefix not in nested:
            nested[prefix] = nested[prefix[:-1]].catalog.add(name=prefix[-1])
    held = nested[written[:-1]]
    if all(existing.name_in_catalog != written[-1] for existing in held.table):
        made = held.table.add()
        made.CopyFrom(table)
        made.name_in_catalog = written[-1]


def _add_procedures(catalog: simple_catalog_pb2.SimpleCatalogProto) -> None:
    """https://cloud.google.com/bigquery/docs/reference/system-procedures: those that dbt calls."""
    made = catalog.procedure.add(name_path=["refresh_materialized_view"])
    told = type_pb2.TypeProto(type_kind=type_pb2.TYPE_STRING)
    made.signature.argument.add(kind="ARG_TYPE_FIXED", type=told, num_occurrences=1)
    made.signature.return_type.CopyFrom(
        function_pb2.FunctionArgumentTypeProto(kind="ARG_TYPE_FIXED", type=told, num_occurrences=1)
    )


def _refresh() -> function_pb2.ProcedureProto:
    """BQ.REFRESH_MATERIALIZED_VIEW('project.dataset.view'), a system procedure of BigQuery."""
    made = function_pb2.ProcedureProto(name_path=["BQ", "REFRESH_MATERIALIZED_VIEW"])
    text = function_pb2.FunctionArgumentTypeProto(
        kind="ARG_TYPE_FIXED",
        type=type_pb2.TypeProto(type_kind=type_pb2.TYPE_STRING),
        num_occurrences=1,
    )
    made.signature.argument.append(text)
    nothing = type_pb2.TypeProto(type_kind=type_pb2.TYPE_BOOL)
    made.signature.return_type.CopyFrom(
        function_pb2.FunctionArgumentTypeProto(
            kind="ARG_TYPE_FIXED", type=nothing, num_occurrences=1
        )
    )
    return made


def _by(name: str) -> function_pb2.FunctionProto:
    """MAX_BY(x, y) and MIN_BY(x, y), which BigQuery documents and the analyser does not have."""
    made = function_pb2.FunctionProto(name_path=[name], group="bigquery", mode="AGGREGATE")
    signature = made.signature.add()
    signature.argument.add(kind="ARG_TYPE_ANY_1", num_occurrences=1)
    signature.argument.add(kind="ARG_TYPE_ANY_2", num_occurrences=1)
    signature.return_type.CopyFrom(
        function_pb2.FunctionArgumentTypeProto(kind="ARG_TYPE_ANY_1", num_occurrences=1)
    )
    return made
