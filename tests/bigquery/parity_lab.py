"""The same raw rows in both engines: six weeks of three venues with everything that goes wrong."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from emulator_support import EmulatedBigQuery
from lab_support import CALM, merged, window
from marts_support import MartsLab

from market_assets.settings import Settings
from market_assets.venues.registry import VENUES
from market_assets.warehouse.ddl import StoredTable, raw_table, venue_datasets
from market_assets.warehouse.opening import open_warehouse
from market_assets.warehouse.tables import COMMON_TABLES

# The least from which risk has figures (30 returns) and anomalies have standards (14 days).
WEEKS = window("2026-01-29", "2026-03-10")
CORRECTED = "2026-03-08"
SYMBOLS = {"binance": ("BTCUSDT", "ETHUSDT", "FASTUSDT"), "okx": ("BTCUSDT",), "aster": ()}
MARKET: dict[str, Any] = {
    "no_trade_rate": 0.004,
    "lost_rate": 0.002,
    "flat_rate": 0.004,
    "outages": [{"venue": "binance", "start": "2026-02-20T03:00Z", "end": "2026-02-20T08:00Z"}],
    "corrections": [
        {
            "venue": "binance",
            "symbol": "BTCUSDT",
            "hour": f"{CORRECTED}T05:00:00Z",
            "at": "2026-03-10T14:00:00Z",
            "factor": 1.05,
        }
    ],
}
FILLS = 8


def fill(lab: MartsLab) -> None:
    """Quiet and lost hours, flat runs, an outage, a changed funding interval, fills, an unknown."""
    lab.exchange.control(clock=None, limits=None, faults=None, latency_ms=0)
    lab.exchange.control(**CALM | {"faults": MARKET})
    for venue, symbols in SYMBOLS.items():
        if not symbols:
            continue
        lab.ingest(venue, "instruments", symbols)
        lab.ingest(venue, "ohlcv", symbols, WEEKS)
        lab.ingest(venue, "funding_rates", symbols, WEEKS)
    lab.insert("binance_trade_executions", [_fill(number) for number in range(FILLS)])
    # Engines differ in what the greatest of values is when one is unknown.
    lab.write(
        "UPDATE lake.raw.okx_funding_rates SET interval_hours = NULL"
        " WHERE timestamp >= TIMESTAMP '2026-03-09 16:00:00'"
    )


def correct(lab: MartsLab) -> None:
    """Two days later an hour reads differently."""
    lab.exchange.control(clock={"mode": "frozen", "now": "2026-03-10T15:00:30Z"})
    lab.ingest("binance", "ohlcv", ["BTCUSDT"], window("2026-03-07", "2026-03-10"), refresh=True)
    lab.calm()


def on_bigquery(lab: MartsLab, place: EmulatedBigQuery) -> Settings:
    """The lab's settings with BigQuery as the engine; nobody may ask for all days by accident."""
    given = lab.settings.model_dump(mode="json")
    changes = {
        "warehouse": {"engine": "bigquery"},
        "bigquery": {
            "project": place.project,
            "api_endpoint": place.api_endpoint,
            "dataset_prefix": place.prefix,
            "require_partition_filter": True,
        },
        "state_dir": str(lab.folder / "state_on_bigquery"),
    }
    return Settings.model_validate(merged(given, changes), context={"root": lab.folder})


def copy_rows(
    lab: MartsLab, settings: Settings, place: EmulatedBigQuery, there: dict[str, pa.Table]
) -> None:
    """Every raw and ops row, by free load jobs into the tables that the platform makes.

    `there` is what was copied before: a table that has not changed is not copied again.
    """
    from google.cloud import bigquery

    if not there:
        with open_warehouse(settings, venues=tuple(VENUES)):
            pass
    lab.store.settle_costs()  # else they are stored minutes later
    client = place.client()
    replaced = bigquery.LoadJobConfig(
        source_format="PARQUET", write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE_DATA
    )
    for table in _sources(settings):
        rows = lab.store.query(f'SELECT * FROM {table.schema}."{table.name}"')
        known = there.get(table.qualified)
        if rows.num_rows and not (known is not None and rows.equals(known)):
            there[table.qualified] = rows
            target = f"{place.project}.{place.prefix}{table.schema}.{table.name}"
            client.load_table_from_file(_parquet(rows), target, job_config=replaced).result()
    client.close()


def _sources(settings: Settings) -> list[StoredTable]:
    collected = settings.enabled_venues
    raw = [raw_table(venue, dataset) for venue in collected for dataset in venue_datasets()]
    return [*raw, *COMMON_TABLES]


def _parquet(rows: pa.Table) -> BytesIO:
    """As BigQuery takes it: times with their zone."""
    zoned = [
        field.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field
        for field in rows.schema
    ]
    file = BytesIO()
    pq.write_table(rows.cast(pa.schema(zoned)), file)
    file.seek(0)
    return file


def _fill(number: int) -> dict[str, Any]:
    import pandas as pd

    return {
        "execution_id": f"fill-{number}",
        "timestamp": pd.Timestamp("2026-03-01T07:00") + pd.Timedelta(hours=7 * number),
        "symbol": "BTCUSDT",
        "venue": "binance",
        "side": "sell" if number % 3 == 1 else "buy",
        "price": 60_000.1 + 3.7 * number,
        "quantity": 0.013 * (number + 1),
        "fee": None if number == 4 else 0.3 + 0.1 * number,
        "strategy_id": None if number == 5 else f"s{number % 2}",
        "pnl": None if number == 6 else 7.7 * (number - 3),
        "metadata": '{"why": "test"}' if number else None,
    }
