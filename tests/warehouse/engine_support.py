"""The store on BigQuery for the tests of the contract: where it is, and empty again."""

from __future__ import annotations

from typing import Any

from emulator_support import EmulatedBigQuery

from market_assets.settings import Settings
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.bigquery.writers import WRITERS


def settings_of(place: EmulatedBigQuery, **more: Any) -> Settings:
    """Settings whose warehouse is a place in the emulator."""
    return Settings.model_validate(
        {
            "warehouse": {"engine": "bigquery"},
            "bigquery": {
                "api_endpoint": place.api_endpoint,
                "project": place.project,
                "dataset_prefix": place.prefix,
                "retry_seconds": 60,
                **more,
            },
        }
    )


def emptied(warehouse: BigQueryWarehouse) -> BigQueryWarehouse:
    """The store without a row: what the last test left is deleted, its tables stay."""
    tables = sorted(warehouse.tables() - {f"{WRITERS.schema}.{WRITERS.name}"})
    counts = " UNION ALL ".join(f"SELECT '{n}' AS name, count(*) AS n FROM {n}" for n in tables)
    filled = [row["name"] for row in warehouse.ask(counts).to_pylist() if row["n"]]
    if filled:
        statements = [f"DELETE FROM {name}" for name in filled]
        warehouse._session.write("Emptying", lambda t: [t.execute(sql) for sql in statements])
    warehouse._meter._waiting.clear()
    return warehouse
