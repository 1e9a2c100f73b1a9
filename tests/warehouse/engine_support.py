"""The store on BigQuery for the tests of the contract: where it is, and empty again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from emulator_support import EmulatedBigQuery, RunningEmulator

from market_assets.settings import Settings
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.bigquery.writers import WRITERS

_INSERTED = re.compile(r"INSERT INTO `?[\w-]+`?\.`?(\w+)`?\.`?(\w+)`?")
_emptied_at: dict[int, datetime] = {}


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
    """The store without a row: what the last test has put in is deleted, its tables stay.

    Which tables these are is told by the jobs since then: to count the rows of all of them costs
    the emulator a second of CPU.
    """
    client, began = warehouse._link.connected(), datetime.now(UTC)
    jobs = client.list_jobs(min_creation_time=_emptied_at.get(id(warehouse)), max_results=500)
    found = {
        match for job in jobs for match in _INSERTED.findall(getattr(job, "query", None) or "")
    }
    filled = [
        f"{schema}.{table}"
        for dataset, table in sorted(found)
        if (schema := warehouse._names.schema_of(dataset)) in ("raw", "ops")
        and table != WRITERS.name
    ]
    if filled:
        statements = [f"DELETE FROM {name}" for name in filled]
        warehouse._session.write("Emptying", lambda t: [t.execute(sql) for sql in statements])
    warehouse._meter._waiting.clear()
    _emptied_at[id(warehouse)] = began
    return warehouse


def store_fixtures(name: str) -> tuple[Any, Any, Any]:
    """Fixtures of a module, to be called so: `place, shared, store = store_fixtures("writers")`.

    A place in the emulator, one store in it (making its tables takes seconds), and that store
    without a row for each test.
    """

    @pytest.fixture(scope="module")
    def place(bigquery_emulator: RunningEmulator) -> EmulatedBigQuery:
        return bigquery_emulator.place(name)

    @pytest.fixture(scope="module")
    def shared(place: EmulatedBigQuery) -> Iterator[BigQueryWarehouse]:
        with BigQueryWarehouse(settings_of(place), venues=["binance"]) as warehouse:
            yield warehouse

    @pytest.fixture
    def store(shared: BigQueryWarehouse) -> BigQueryWarehouse:
        return emptied(shared)

    return place, shared, store
