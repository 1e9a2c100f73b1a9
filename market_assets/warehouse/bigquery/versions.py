"""Slowly changing instruments on BigQuery: each version is a row, valid until the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from market_assets.schemas import arrow
from market_assets.warehouse.bigquery.rows import (
    Row,
    differs,
    insert,
    key_of,
    record_revisions,
    taken,
)
from market_assets.warehouse.bigquery.session import Transaction
from market_assets.warehouse.contract import Batch, Committed
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.instruments import IDENTITY
from market_assets.warehouse.sql import identifier

if TYPE_CHECKING:
    import pyarrow as pa


def store_versions(
    transaction: Transaction, table: StoredTable, batch: Batch, rows: pa.Table
) -> Committed:
    """Compare the incoming state with the current versions, with the transaction.

    A state seen before the current version began says nothing new about now: it is left out.
    """
    if not rows.num_rows:
        return Committed()
    current = _current(transaction, table)
    incoming = arrow.records(rows)
    new: list[int] = []
    replacing: list[tuple[Row, int]] = []
    for at, row in enumerate(incoming):
        old = current.get(key_of(row, IDENTITY))
        if old is None:
            new.append(at)
        elif differs(old, row, batch.dataset.values) and row["valid_from"] >= old["valid_from"]:
            replacing.append((old, at))
    if replacing:
        _retire(transaction, table, taken(rows, [at for _, at in replacing]))
        # One that began at this very moment never held: it is a correction, not history.
        never_held = [
            (old, incoming[at])
            for old, at in replacing
            if old["valid_from"] == incoming[at]["valid_from"]
        ]
        if never_held:
            record_revisions(transaction, batch, never_held)
    kept = sorted([*new, *(at for _, at in replacing)])
    if kept:
        insert(transaction, table, _open(taken(rows, kept)))
    return Committed(len(new), len(replacing), rows.num_rows - len(kept))


def _current(transaction: Transaction, table: StoredTable) -> dict[tuple[object, ...], Row]:
    columns = ", ".join(identifier(column.name) for column in table.columns)
    found = transaction.execute(f"SELECT {columns} FROM {table.qualified} WHERE valid_to IS NULL")
    return {key_of(row, IDENTITY): row for row in arrow.records(found.to_arrow_table())}


def _retire(transaction: Transaction, table: StoredTable, rows: pa.Table) -> None:
    """Close the versions that no longer hold, and remove those that never did."""
    target = transaction.names.sql(table)
    source = transaction.source(rows.select([*IDENTITY, "valid_from"]))
    same = " AND ".join(f"T.`{name}` = S.`{name}`" for name in IDENTITY)
    transaction.change(
        f"DELETE FROM {target} AS T WHERE T.`valid_to` IS NULL AND EXISTS (SELECT 1 FROM {source}"
        f" AS S WHERE {same} AND T.`valid_from` = S.`valid_from`)"
    )
    transaction.change(
        f"UPDATE {target} AS T SET `valid_to` = S.`valid_from` FROM {source} AS S"
        f" WHERE {same} AND T.`valid_to` IS NULL"
    )


def _open(rows: pa.Table) -> pa.Table:
    """What was seen now is the current state, so it is open whatever the frame says."""
    at = rows.schema.get_field_index("valid_to")
    field = rows.schema.field(at)
    return rows.set_column(at, field, arrow.column([None] * rows.num_rows, field.type))
