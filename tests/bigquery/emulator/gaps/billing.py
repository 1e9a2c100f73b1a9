"""Bytes processed and billed, and the limit on them, by the published rules of the price page.

https://cloud.google.com/bigquery/pricing: at least 10 MB for each table that a query names, rounded
up to whole MB. Pruning and the widths of columns are left out, so that this is more than the real
service bills for large tables; it is enough to see that limits, estimates and costs are wired.
"""

from __future__ import annotations

import contextvars
import dataclasses
from typing import Any

from local_bigquery.catalog import metadata, tables
from local_bigquery.engine import database
from local_bigquery.errors import STATUSES, BigQueryError
from local_bigquery.jobs import query, runner
from local_bigquery.models import Table
from local_bigquery.sql.rules import tables as rules
from sqlglot import exp

_MB = 2**20
_LEAST = 10 * _MB
_READS = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge)


@dataclasses.dataclass
class Bill:
    processed: int = 0
    billed: int = 0


_bill: contextvars.ContextVar[Bill] = contextvars.ContextVar("bill")


def charge() -> None:
    STATUSES["bytesBilledLimitExceeded"] = STATUSES["invalidQuery"]
    _execute, _statement = query.execute, query._statement

    def statement(
        cur: Any, tree: exp.Expression, context: Any, destination: Any, config: Any, *rest: Any
    ) -> Any:
        bill = _bill.get(None)
        if bill is not None and (isinstance(tree, _READS) or tree.find(exp.Select)):
            _add(bill, tree, context)
            limit = config.maximumBytesBilled
            if limit and bill.billed > int(limit):
                raise BigQueryError(
                    "bytesBilledLimitExceeded",
                    f"Query exceeded limit for bytes billed: {limit}. {bill.billed} or higher"
                    " required.",
                )
        return _statement(cur, tree, context, destination, config, *rest)

    def execute(*args: Any, **named: Any) -> Any:
        token = _bill.set(Bill())
        try:
            statistics, children, destination = _execute(*args, **named)
            bill = _bill.get()
            processed, billed = str(bill.processed), str(bill.billed)
            told = {"totalBytesProcessed": processed, "totalBytesBilled": billed}
            return statistics.replace(**told), children, destination
        finally:
            _bill.reset(token)

    query._statement = statement
    query.execute = runner.query.execute = execute


def _add(bill: Bill, tree: exp.Expression, context: Any) -> None:
    ctes = {cte.alias_or_name.casefold() for cte in tree.find_all(exp.CTE)}
    named = {rules.resolve(table, context, ctes) for table in tree.find_all(exp.Table)}
    for reference in named - {None}:
        size = _size(*reference)
        bill.processed += size
        bill.billed += max(_LEAST, -(-size // _MB) * _MB)


def _size(project_id: str, dataset_id: str, table_id: str) -> int:
    found = database.objects(*tables.physical(project_id, dataset_id, table_id))
    stored = metadata.load(Table, project_id, dataset_id, table_id)
    columns = len(tables.fields(stored)) if stored else 0
    return sum(rows for _, _, rows in found) * max(columns, 1) * 8
