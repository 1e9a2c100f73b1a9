"""MERGE into tables that require a partition filter, and SET of a structure, as dbt sends both.

The filter of a MERGE may stand in ON or in its WHEN conditions
(https://cloud.google.com/bigquery/docs/using-dml-with-partitioned-tables); UPDATE and DELETE need
one too. A partition decorator (t$20260310) as a destination is refused: the emulator would write a
table of that name, in silence.
"""

from __future__ import annotations

import contextvars
from typing import Any

import sqlglot
from local_bigquery.catalog import metadata, tables
from local_bigquery.errors import BigQueryError
from local_bigquery.jobs import merge
from local_bigquery.models import Table
from local_bigquery.sql import script
from local_bigquery.sql.dialect import BigQueryDialect
from local_bigquery.sql.rules import tables as rules
from local_bigquery.sql.translate import translate
from sqlglot import exp

_filtered: contextvars.ContextVar[bool] = contextvars.ContextVar("filtered", default=False)


def mend() -> None:
    _check, _run, _set, _write = rules._check, merge.run, script.Interpreter.set, tables.write

    def check(tree: exp.Expression, table: exp.Table, is_target: bool) -> None:
        if _filtered.get():
            # The pieces that a MERGE is cut into: as a whole it has been looked at.
            is_target = True
        elif isinstance(tree, exp.Update | exp.Delete) and is_target:
            _refuse_without_filter(tree, (table.catalog, table.db, table.name))
        _check(tree, table, is_target)

    def run(cur: Any, tree: exp.Merge, context: Any) -> Any:
        target = rules.names.reference(tree.this, context.project_id, context.dataset_id)
        _refuse_without_filter(tree, target)
        token = _filtered.set(True)
        try:
            return _run(cur, tree, context)
        finally:
            _filtered.reset(token)

    def set_(self: Any, statement: Any) -> None:
        tree = sqlglot.parse_one(statement.text, dialect=BigQueryDialect)
        for item in tree.expressions:
            target, value = item.this.this, item.this.expression
            if isinstance(target, exp.Paren):
                target = exp.Tuple(expressions=[target.this])
            if not (isinstance(target, exp.Tuple) and isinstance(value, exp.Subquery)):
                return _set(self, statement)
            _assign_structure(self, target, value)
        return None

    def write(
        cur: Any, sql: str, bound: Any, reference: tuple[str, str, str], *rest: Any, **named: Any
    ) -> bool:
        if "$" in reference[2]:
            raise BigQueryError(
                "notImplemented", f"Partition decorators are not emulated: {reference[2]}"
            )
        return _write(cur, sql, bound, reference, *rest, **named)

    rules._check, merge.run, script.Interpreter.set = check, run, set_
    tables.write = write


def _refuse_without_filter(tree: exp.Expression, reference: tuple[str, ...]) -> None:
    stored = metadata.load(Table, *reference)
    if not (stored and stored.requirePartitionFilter):
        return
    field = (stored.timePartitioning and stored.timePartitioning.field) or "_PARTITIONTIME"
    if isinstance(tree, exp.Merge):
        whens = tree.args["whens"].expressions
        conditions = [tree.args["on"], *(when.args.get("condition") for when in whens)]
    else:
        conditions = [tree.args.get("where")]
    named = {
        column.name.casefold()
        for condition in conditions
        if condition is not None
        for column in condition.find_all(exp.Column)
    }
    if field.casefold() not in named:
        raise BigQueryError(
            "invalidQuery",
            f"Cannot query over table '{'.'.join(reference)}' without a filter over column(s)"
            f" '{field}' that can be used for partition elimination",
        )


def _assign_structure(script_: Any, target: exp.Tuple, value: exp.Subquery) -> None:
    select = value.this.copy()
    select.set("kind", None)
    sql, bound = translate(select, script_.context)
    rows = script._temporary_table("rows")
    script_.cursor.execute(f"CREATE TEMP TABLE {rows} AS {sql}", bound)
    columns = script_.cursor.sql(f"SELECT * FROM {rows}").columns
    for name, column in zip(target.expressions, columns, strict=True):
        script_.cursor.execute(
            f"UPDATE {script_.variable(name.name)}"
            f' SET {script.VALUE} = (SELECT "{column}" FROM {rows} LIMIT 1)'
        )
