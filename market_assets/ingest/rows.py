"""From a venue's pages to canonical rows: constant columns added, every rule applied."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from market_assets.ingest.released import Released
from market_assets.schemas import arrow
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import DAY_MS, to_datetime
from market_assets.schemas.validation import Validated, validate
from market_assets.venues.contract import Rows
from market_assets.warehouse.contract import QuarantinedRow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run's rows come from: the constant columns, and what people said of such rows."""

    venue: str
    interval: str
    run_id: str
    source: str = "rest"
    released: Released = field(default_factory=Released, compare=False)


def times_ms(table: pa.Table, column: str = "timestamp") -> NDArray[np.int64]:
    times: NDArray[np.int64] = arrow.numbers(table.column(column)) // 1000
    return times


def canonical(
    dataset: Dataset, table: pa.Table, symbol: str, origin: Origin, now_ms: int
) -> pa.Table:
    """The venue's columns completed to the dataset's, in its order and types."""
    import pyarrow as pa

    count = table.num_rows
    constants: dict[str, Any] = {
        "symbol": symbol,
        "venue": origin.venue,
        "interval": origin.interval,
        "source": origin.source,
        "run_id": origin.run_id,
        "ingestion_time": to_datetime(now_ms),
    }
    columns = []
    schema = dataset.arrow_schema()
    for column in schema:
        if column.name in table.column_names:
            columns.append(table.column(column.name).cast(column.type))
        elif column.name == "is_backfill":
            columns.append(arrow.mask(times_ms(table) < now_ms - DAY_MS))
        else:
            columns.append(arrow.constant(constants[column.name], column.type, count))
    return pa.table(columns, schema=schema.remove_metadata())


def judged(
    dataset: Dataset, table: pa.Table, symbol: str, released: Released
) -> tuple[pa.Table, list[QuarantinedRow]]:
    """The good rows, those among them that a person released; the bad ones ready for quarantine."""
    result: Validated = validate(dataset, table)
    bad = [
        QuarantinedRow(symbol, _moment(row.row), row.reasons, _payload(row.row))
        for row in result.bad
    ]
    return released.sorted_out(dataset, table, result, bad)


def unreadable(pages: Sequence[Rows], symbol: str) -> list[QuarantinedRow]:
    """Rows that could not even be read, as the venue sent them."""
    return [
        QuarantinedRow(symbol, None, ("malformed",), row.payload)
        for page in pages
        for row in page.malformed
    ]


def _moment(row: Any) -> datetime | None:
    value = row.get("timestamp")
    return value if isinstance(value, datetime) else None


def _payload(row: Any) -> str:
    # When and by which run it was read is no part of the defect: the same row is one entry.
    told = {key: value for key, value in row.items() if key not in ("ingestion_time", "run_id")}
    return json.dumps(told, default=str, sort_keys=True)
