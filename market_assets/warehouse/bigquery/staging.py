"""Rows on their way into a transaction: in the statement itself, or by a load job beside it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from market_assets.schemas.datasets import Kind
from market_assets.warehouse.bigquery.jobs import Jobs
from market_assets.warehouse.bigquery.literals import SQL_TYPES, rows_sql
from market_assets.warehouse.bigquery.names import LOADS, Names, quoted

if TYPE_CHECKING:
    import pyarrow as pa

# A statement may be 1 MB long (https://cloud.google.com/bigquery/quotas#query_jobs); a load job
# takes seconds, is one of 100,000 a day, and its table bills 10 MB at least when it is read.
_LARGEST_INLINE_BYTES = 64 * 1024


@dataclass(slots=True)
class Staged:
    """Rows under a name that statements of one transaction use."""

    columns: Mapping[str, Kind]
    rows: pa.Table
    _sql: str = field(default="")

    def sql(self, names: Names, jobs: Jobs) -> str:
        """What stands for it in GoogleSQL; loads it when it is too large to be written out."""
        if not self._sql:
            if self.rows.nbytes <= _LARGEST_INLINE_BYTES:
                self._sql = rows_sql(self.columns, self.rows)
            else:
                self._sql = quoted(load(self.columns, self.rows, names, jobs))
        return self._sql


def staged(rows: pa.Table) -> Staged:
    return Staged({column.name: _kind(column.type) for column in rows.schema}, rows)


def load(columns: Mapping[str, Kind], rows: pa.Table, names: Names, jobs: Jobs) -> str:
    """Load rows into a table of their own, which its dataset drops after a day."""
    from google.cloud.bigquery import LoadJobConfig, SchemaField
    from pyarrow import parquet

    made = datetime.now(UTC)
    table = names.table(LOADS, f"rows_{made:%Y%m%dT%H%M%S}_{uuid.uuid4().hex}")
    file = io.BytesIO()
    parquet.write_table(_zoned(rows), file, compression="zstd")
    config = LoadJobConfig(
        schema=[SchemaField(name, SQL_TYPES[kind]) for name, kind in columns.items()],
        source_format="PARQUET",
        create_disposition="CREATE_IF_NEEDED",
        write_disposition="WRITE_TRUNCATE",
    )
    jobs.load(file, table, config)
    return table


def _zoned(rows: pa.Table) -> pa.Table:
    """Times with their zone: Parquet's times without one are DATETIME to BigQuery."""
    import pyarrow as pa

    return rows.cast(
        pa.schema(
            pa.field(column.name, pa.timestamp("us", tz="UTC"))
            if pa.types.is_timestamp(column.type)
            else column
            for column in rows.schema
        )
    )


def _kind(kind: pa.DataType) -> Kind:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "float"
    return "string"
