"""The append-only record of requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import Connection
from market_assets.warehouse.tables import REQUESTS

if TYPE_CHECKING:
    import pyarrow as pa


def request_rows(records: Iterable[RequestRecord]) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for record in records:
        row = asdict(record)
        row["requested_at"] = row.pop("at")
        rows.append(row)
    return arrow.table(rows, REQUESTS.arrow_schema())


def store_requests(connection: Connection, rows: pa.Table) -> None:
    if rows.num_rows:
        with registered(connection, "asked", rows):
            connection.execute(f"INSERT INTO {REQUESTS.qualified} BY NAME SELECT * FROM asked")
