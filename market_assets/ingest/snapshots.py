"""Rows of what is asked as it stands now: the instruments, and predicted funding."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from market_assets.ingest.rows import Origin
from market_assets.schemas import arrow
from market_assets.schemas.datasets import FUNDING_PREDICTIONS, INSTRUMENTS, Dataset
from market_assets.schemas.timeline import to_datetime
from market_assets.venues.contract import Instrument, Prediction
from market_assets.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


def _table(dataset: Dataset, rows: Sequence[dict[str, Any]], origin: Origin, now: int) -> pa.Table:
    provenance = {
        "ingestion_time": to_datetime(now),
        "source": origin.source,
        "is_backfill": False,
        "run_id": origin.run_id,
    }
    return arrow.table([{**row, **provenance} for row in rows], dataset.arrow_schema())


def instrument_rows(instruments: Sequence[Instrument], origin: Origin, now: int) -> pa.Table:
    """The venue's list as the version that holds from now on."""
    return _table(
        INSTRUMENTS,
        [
            {
                "symbol": i.symbol,
                "venue": i.venue,
                "native_symbol": i.native_symbol,
                "base": i.base,
                "quote": i.quote,
                "settle": i.settle,
                "contract_size": i.contract_size,
                "tick_size": i.tick_size,
                "lot_size": i.lot_size,
                "status": i.status,
                "listed_at": to_datetime(i.listed_at),
                "delisted_at": None if i.delisted_at is None else to_datetime(i.delisted_at),
                "funding_interval_hours": i.funding_interval_hours,
                "funding_cap": i.funding_cap,
                "funding_floor": i.funding_floor,
                "valid_from": to_datetime(now),
                "valid_to": None,
            }
            for i in instruments
        ],
        origin,
        now,
    )


def prediction_rows(found: Sequence[Prediction], origin: Origin, now: int) -> pa.Table:
    return _table(
        FUNDING_PREDICTIONS,
        [
            {
                "timestamp": to_datetime(now),
                "symbol": p.symbol,
                "venue": origin.venue,
                "predicted_rate": p.predicted_rate,
                "next_funding_at": to_datetime(p.next_funding_at),
                "mark_price": p.mark_price,
            }
            for p in found
        ],
        origin,
        now,
    )


def remembered(warehouse: Warehouse, venue: str, listed: Container[str]) -> list[Instrument]:
    """Instruments we know of that the venue no longer lists: delisted symbols vanish."""
    rows = arrow.records(warehouse.read(venue, INSTRUMENTS))
    latest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["listed_at"], row["valid_from"])):
        if row["symbol"] not in listed:
            latest[row["symbol"]] = row
    return [
        Instrument(
            venue=venue,
            symbol=row["symbol"],
            native_symbol=row["native_symbol"],
            base=row["base"],
            quote=row["quote"],
            settle=row["settle"],
            contract_size=row["contract_size"],
            tick_size=row["tick_size"],
            lot_size=row["lot_size"],
            status="delisted",
            listed_at=row["listed_at"] // 1000,
            # Without a stated time, its end is what the last candle shows.
            delisted_at=None if row["delisted_at"] is None else row["delisted_at"] // 1000,
            funding_interval_hours=row["funding_interval_hours"],
        )
        for row in latest.values()
    ]
