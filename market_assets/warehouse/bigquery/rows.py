"""A batch's rows against what is stored: new ones are added, changed ones replaced with a trace.

What is new and what differs is told here, from one read of the days concerned; the script that
follows holds only what has to be done, and usually that is one INSERT.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window, to_datetime
from market_assets.warehouse.bigquery.dialect import COMMIT_MOMENT
from market_assets.warehouse.bigquery.literals import string
from market_assets.warehouse.bigquery.session import Transaction
from market_assets.warehouse.contract import Batch, Committed
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.incoming import bounds
from market_assets.warehouse.rows import IN_REVISION, logged
from market_assets.warehouse.sql import identifier
from market_assets.warehouse.tables import REVISIONS

if TYPE_CHECKING:
    import pyarrow as pa

# Partitions that one job may change: https://cloud.google.com/bigquery/quotas#partitioned_tables
PARTITIONS_OF_A_JOB = 4_000
_OF_THE_STORING = ("run_id", "ingestion_time")

Row = dict[str, Any]


def store_rows(
    transaction: Transaction,
    table: StoredTable,
    batch: Batch,
    rows: pa.Table,
    *,
    partition_ms: int,
) -> Committed:
    """Put `rows` (unique keys, storage types) into `table`, with the transaction."""
    if not rows.num_rows:
        return Committed()
    dataset = batch.dataset
    incoming = arrow.records(rows)
    stored = _stored(transaction, table, dataset, bounds(dataset, rows))
    new: list[int] = []
    replacing: list[tuple[Row, int]] = []
    for at, row in enumerate(incoming):
        old = stored.get(key_of(row, dataset.key))
        if old is None:
            new.append(at)
        elif differs(old, row, dataset.values):
            replacing.append((old, at))
    kept = sorted([*new, *(at for _, at in replacing)])
    unchanged = rows.num_rows - len(kept)
    if not kept:
        return Committed(unchanged=unchanged)
    if replacing:
        record_revisions(transaction, batch, [(old, incoming[at]) for old, at in replacing])
    has_time = "timestamp" in dataset.column_names
    times = [incoming[at]["timestamp"] // 1000 for at in kept] if has_time else []
    if replacing:
        _remove(transaction, table, dataset, taken(rows, [at for _, at in replacing]))
    for part in parts_of(kept, times, partition_ms):
        insert(transaction, table, taken(rows, part))
    changed = Window(min(times), max(times) + 1) if times else None
    return Committed(len(new), len(replacing), unchanged, changed=changed)


def parts_of(kept: Sequence[int], times: Sequence[int], partition_ms: int) -> Iterator[list[int]]:
    """The rows in groups of no more partitions than one job may change."""
    if not times:
        yield list(kept)
        return
    by_partition: dict[int, list[int]] = {}
    for at, time in zip(kept, times, strict=True):
        by_partition.setdefault(time // partition_ms, []).append(at)
    partitions = sorted(by_partition)
    for first in range(0, len(partitions), PARTITIONS_OF_A_JOB):
        group = partitions[first : first + PARTITIONS_OF_A_JOB]
        yield sorted(at for partition in group for at in by_partition[partition])


def record_revisions(
    transaction: Transaction, batch: Batch, pairs: Sequence[tuple[Row, Row]]
) -> None:
    """Keep the old values of rows that are replaced: (what was stored, what comes)."""
    dataset = batch.dataset
    # A key that has no column of its own in the log goes with the values, or it would be lost.
    told = [*(name for name in dataset.key if name not in IN_REVISION), *logged(dataset)]
    moment = "timestamp" if "timestamp" in dataset.column_names else "valid_from"
    said = [
        {
            "venue": batch.venue,
            "dataset": dataset.name,
            "interval": batch.interval,
            "symbol": new["symbol"],
            "timestamp": new[moment],
            "old_values": _json(old, dataset, told),
            "new_values": _json(new, dataset, told),
            "old_run_id": old.get("run_id"),
            "new_run_id": batch.run_id,
            "old_ingestion_time": old.get("ingestion_time"),
        }
        for old, new in pairs
    ]
    schema = REVISIONS.arrow_schema()
    schema = schema.remove(schema.get_field_index("revised_at"))
    source = transaction.source(arrow.table(said, schema))
    names = ", ".join(f"`{name}`" for name in schema.names)
    transaction.change(
        f"INSERT INTO {transaction.names.sql(REVISIONS)} ({names}, `revised_at`)"
        f" SELECT {names}, {COMMIT_MOMENT} FROM {source}"
    )


def insert(transaction: Transaction, table: StoredTable, rows: pa.Table) -> None:
    """Add rows, ingested at the commit's own time: the same instant as `revised_at`."""
    names = [column.name for column in table.columns]
    transaction.change(
        f"INSERT INTO {transaction.names.sql(table)} ({', '.join(f'`{n}`' for n in names)})"
        f" SELECT {', '.join(_value(n) for n in names)} FROM {transaction.source(rows)} AS S"
    )


def _value(name: str) -> str:
    return COMMIT_MOMENT if name == "ingestion_time" else f"S.`{name}`"


def key_of(row: Mapping[str, Any], key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in key)


def differs(old: Mapping[str, Any], new: Mapping[str, Any], values: Sequence[str]) -> bool:
    return any(old[name] != new[name] for name in values)


def taken(rows: pa.Table, positions: Sequence[int]) -> pa.Table:
    import numpy as np

    return rows.take(arrow.indices(np.array(positions, dtype=np.int64)))


def _stored(
    transaction: Transaction, table: StoredTable, dataset: Dataset, within: str
) -> dict[tuple[Any, ...], Row]:
    """What is stored within the bounds, by its key. Usually that is nothing."""
    names = dict.fromkeys(
        (
            *dataset.key,
            *logged(dataset),
            *(name for name in _OF_THE_STORING if name in dataset.column_names),
        )
    )
    columns = ", ".join(identifier(name) for name in names)
    found = transaction.execute(f"SELECT {columns} FROM {table.qualified} WHERE {within}")
    return {key_of(row, dataset.key): row for row in arrow.records(found.to_arrow_table())}


def _remove(transaction: Transaction, table: StoredTable, dataset: Dataset, rows: pa.Table) -> None:
    """Remove the stored rows of these keys, in the days that they are in."""
    same = " AND ".join(f"T.`{name}` = S.`{name}`" for name in dataset.key)
    # Constants: a comparison of both sides' times alone would have BigQuery rewrite every day.
    days = _days(rows) if "timestamp" in dataset.key else ""
    transaction.change(
        f"DELETE FROM {transaction.names.sql(table)} AS T WHERE EXISTS (SELECT 1"
        f" FROM {transaction.source(rows.select(list(dataset.key)))} AS S WHERE {same}){days}"
    )


def _days(rows: pa.Table) -> str:
    times = [row["timestamp"] for row in arrow.records(rows.select(["timestamp"]))]
    first, last = (_written(micros) for micros in (min(times), max(times)))
    return f" AND T.`timestamp` BETWEEN {first} AND {last}"


def _written(micros: int) -> str:
    return f"TIMESTAMP {string(f'{_time(micros)}+00')}"


def _json(row: Mapping[str, Any], dataset: Dataset, names: Sequence[str]) -> str:
    """As the embedded engine writes it: times as text without a zone."""
    times = {column.name for column in dataset.columns if column.kind == "timestamp"}
    said = {
        name: str(_time(row[name])) if name in times and row[name] is not None else row[name]
        for name in names
    }
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def _time(micros: int) -> datetime:
    return (to_datetime(0) + timedelta(microseconds=micros)).replace(tzinfo=None)
