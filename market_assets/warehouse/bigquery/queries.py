"""Questions of a kind that only BigQuery answers: other people's SQL, dry runs, time travel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from market_assets.errors import QueryTooLarge
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window, to_ms
from market_assets.warehouse.bigquery import faults
from market_assets.warehouse.bigquery.session import Cursor, Session
from market_assets.warehouse.ddl import StoredTable, dataset_of, raw_table
from market_assets.warehouse.estimate import MIB, TIB, Cost, Prices
from market_assets.warehouse.reading import read_rows
from market_assets.warehouse.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import QueryJob

_DOING = "Running SQL on the warehouse"
# Times that BigQuery can partition by: from 1970, and long after any candle.
ALL_TIMES = Window(0, to_ms(datetime(2200, 1, 1, tzinfo=UTC)))


def run(session: Session, sql: str, prices: Prices) -> pa.Table:
    """One SELECT in GoogleSQL. What it is and what it would bill, a dry run tells before."""
    with session.explaining(_DOING):
        _refuse_too_large(_checked(session, sql), prices)
        return session.asked(sql, "query").to_arrow_table()


def estimate(session: Session, sql: str, prices: Prices) -> Cost:
    with session.explaining(_DOING):
        return _cost(_checked(session, sql), prices)


def read_snapshot(
    cursor: Cursor,
    table: StoredTable,
    dataset: Dataset,
    moment: datetime,
    *,
    interval: str,
    symbols: Iterable[str],
    window: Window | None,
) -> pa.Table:
    """The rows by BigQuery's own snapshot of the table."""
    then = literal(str(moment.astimezone(UTC).replace(tzinfo=None)))
    return read_rows(
        cursor,
        table,
        dataset,
        interval=interval,
        symbols=symbols,
        window=window,
        at=f" AT (TIMESTAMP => TIMESTAMP {then})",
    )


def refuse_nulls(table: StoredTable, rows: pa.Table) -> None:
    """What BigQuery would refuse at the end of a script is told before it is sent."""
    for column in table.columns:
        if column.name == "ingestion_time":
            continue  # the store's own to say
        if not column.nullable and rows.column(column.name).null_count:
            raise ValueError(
                f"NOT NULL constraint failed: {table.schema}.{table.name}.{column.name}"
            )


def raw_table_named(name: str) -> StoredTable | None:
    """The raw table of that name, None when it is none of a venue."""
    dataset = dataset_of(name)
    if dataset is None:
        return None
    return raw_table(name.removesuffix(f"_{dataset.name}"), dataset)


def _checked(session: Session, sql: str) -> QueryJob:
    """Refuse what is not one SELECT; a dry run sees through comments and scripts."""
    from google.api_core.exceptions import BadRequest, NotFound

    try:
        told = session.jobs.dry_run(sql)
    except (BadRequest, NotFound) as error:
        raise faults.sql_refused(error) from error
    if told.statement_type != "SELECT":
        kind = told.statement_type or "nothing"
        raise faults.sql_refused(ValueError(f"one SELECT is allowed here, this is: {kind}"))
    return told


def _cost(told: QueryJob, prices: Prices) -> Cost:
    """On-demand: each table counts for a least size, and a dry run tells only their sum."""
    processed = int(told.total_bytes_processed or 0)
    tables = len(told.referenced_tables or ())
    billed = max(processed, tables * prices.minimum_bytes)
    billed = -(-billed // MIB) * MIB
    return Cost(processed, billed, billed / TIB * prices.dollars_per_tib)


def _refuse_too_large(told: QueryJob, prices: Prices) -> None:
    cost = _cost(told, prices)
    limit = prices.maximum_bytes_billed
    if cost.bytes_billed > limit:
        raise QueryTooLarge(
            _DOING,
            f"it would bill {cost.bytes_billed / MIB:,.0f} MB (${cost.dollars:.2f}), and"
            f" {limit / MIB:,.0f} MB are allowed for one query",
            "Name only the columns that you need and bound the time by constants"
            " (LIMIT saves nothing), or raise costs.maximum_bytes_billed in platform.yaml",
            bytes_billed=cost.bytes_billed,
            limit=limit,
        )
