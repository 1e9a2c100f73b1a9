"""The append-only records: rejected rows and requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse.connection import literal
from market_assets.warehouse.contract import Batch, QuarantinedRow
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.tables import QUARANTINE, REQUESTS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

HELD = "held"


def quarantine_id(batch: Batch, row: QuarantinedRow) -> str:
    """The same reject has the same identity in every run, so that re-reading holds it once."""
    moment = None if row.timestamp is None else _naive(row.timestamp).isoformat()
    said = [
        batch.venue,
        batch.dataset.name,
        batch.interval,
        row.symbol,
        moment,
        row.payload,
        sorted(row.reasons),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def quarantine_rows(batch: Batch, now: datetime) -> pa.Table:
    """The batch's rejects as rows of raw.quarantine, each once."""
    rows: dict[str, dict[str, Any]] = {}
    for row in batch.quarantined:
        identity = quarantine_id(batch, row)
        rows[identity] = {
            "quarantine_id": identity,
            "venue": batch.venue,
            "dataset": batch.dataset.name,
            "interval": batch.interval,
            "symbol": row.symbol,
            "timestamp": None if row.timestamp is None else _naive(row.timestamp),
            "reasons": ",".join(sorted(row.reasons)),
            "payload": row.payload,
            "run_id": batch.run_id,
            "quarantined_at": _naive(now),
            "status": HELD,
        }
    return arrow.table(list(rows.values()), QUARANTINE.arrow_schema())


def store_quarantine(connection: duckdb.DuckDBPyConnection, batch: Batch, rows: pa.Table) -> int:
    """Hold the rows that are not held yet; how many that were."""
    if not rows.num_rows:
        return 0
    with registered(connection, "rejects", rows):
        [(count,)] = connection.execute(
            f"INSERT INTO {QUARANTINE.qualified} BY NAME"
            " SELECT * FROM rejects WHERE quarantine_id NOT IN"
            f" (SELECT quarantine_id FROM {QUARANTINE.qualified}"
            f" WHERE concat(venue) = {literal(batch.venue)})"
        ).fetchall()
    return int(count)


def request_rows(records: Iterable[RequestRecord]) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for record in records:
        row = asdict(record)
        row["requested_at"] = _naive(row.pop("at"))
        rows.append(row)
    return arrow.table(rows, REQUESTS.arrow_schema())


def store_requests(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    if rows.num_rows:
        with registered(connection, "asked", rows):
            connection.execute(f"INSERT INTO {REQUESTS.qualified} BY NAME SELECT * FROM asked")


def _naive(moment: datetime) -> datetime:
    """UTC without saying so, as the store keeps it; a naive time is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
