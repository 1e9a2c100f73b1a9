"""The tables as BigQuery's own metadata tells of them are the tables that the store describes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery, RunningEmulator

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))
from engine_support import settings_of
from warehouse_support import candle_batch, candles

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import DAY_MS, HOUR_MS
from market_assets.warehouse.bigquery.ddl import FORM
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.bigquery.rows import PARTITIONS_OF_A_JOB, parts_of
from market_assets.warehouse.ddl import StoredTable, raw_table, venue_datasets
from market_assets.warehouse.tables import COMMON_TABLES

pytestmark = pytest.mark.xdist_group("bigquery")

KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
YEARS_MS = 730 * DAY_MS
# The API answers in the old names of types.
KINDS = {
    "INTEGER": "integer",
    "FLOAT": "float",
    "STRING": "string",
    "TIMESTAMP": "timestamp",
    "BOOLEAN": "boolean",
}
BY_SYMBOL = ["symbol", "venue"]
STORED = (*COMMON_TABLES, *(raw_table("binance", dataset) for dataset in venue_datasets()))


@pytest.fixture(scope="module")
def place(bigquery_emulator: RunningEmulator) -> EmulatedBigQuery:
    return bigquery_emulator.place("tables")


@pytest.fixture(scope="module")
def store(place: EmulatedBigQuery) -> Iterator[BigQueryWarehouse]:
    """Predictions are live: by the hour, for a month."""
    settings = settings_of(
        place,
        live_datasets=["funding_predictions"],
        require_partition_filter=True,
        kms_key=KEY,
        labels={"team": "research"},
    )
    with BigQueryWarehouse(settings, venues=["binance"]) as warehouse:
        yield warehouse


@pytest.mark.parametrize("table", STORED, ids=lambda table: f"{table.schema}.{table.name}")
def test_columns_modes_and_descriptions_are_read_back_as_they_were_described(
    store: BigQueryWarehouse, place: EmulatedBigQuery, table: StoredTable
) -> None:
    found = place.client().get_table(f"{place.prefix}{table.schema}.{table.name}")
    assert [
        (field.name, KINDS[field.field_type], field.mode == "NULLABLE", field.description)
        for field in found.schema
    ] == [(c.name, c.kind, c.nullable, c.description) for c in table.columns]
    assert found.description == table.description
    assert found.labels["team"] == "research"
    assert found.labels[FORM]
    assert found.encryption_configuration.kms_key_name == KEY


@pytest.mark.parametrize(
    ("name", "partitions", "clusters", "filtered"),
    [
        ("raw.binance_ohlcv", ("DAY", "timestamp", YEARS_MS), [*BY_SYMBOL, "interval"], True),
        (
            "raw.binance_funding_predictions",
            ("HOUR", "timestamp", 30 * DAY_MS),
            BY_SYMBOL,
            True,
        ),
        # a fill is looked for by its identity, whenever it was
        ("raw.binance_trade_executions", ("DAY", "timestamp", YEARS_MS), BY_SYMBOL, False),
        ("raw.binance_instruments", None, BY_SYMBOL, False),
        ("ops.requests", ("DAY", "requested_at", YEARS_MS), BY_SYMBOL, False),
        ("ops.coverage", None, ["symbol", "venue", "dataset", "interval"], False),
        # the newest alert of each key counts however old it is
        ("ops.alerts", ("DAY", "changed_at", None), [], False),
    ],
)  # fmt: skip
def test_partitions_expiry_and_clusters_are_as_the_settings_say(
    store: BigQueryWarehouse,
    place: EmulatedBigQuery,
    name: str,
    partitions: tuple[str, str, int | None] | None,
    clusters: list[str],
    filtered: bool,
) -> None:
    found = place.client().get_table(f"{place.prefix}{name}")
    told = found.time_partitioning
    assert (told and (told.type_, told.field, told.expiration_ms)) == partitions
    assert (found.clustering_fields or []) == clusters
    assert bool(found.require_partition_filter) is filtered


def test_historical_tables_keep_their_days_for_ever_when_they_are_told_to(
    place: EmulatedBigQuery, bigquery: EmulatedBigQuery
) -> None:
    settings = settings_of(bigquery, expire_historical=False, live_datasets=["ohlcv"])
    BigQueryWarehouse(settings, venues=["okx"]).close()
    client = bigquery.client()
    live = client.get_table(f"{bigquery.prefix}raw.okx_ohlcv").time_partitioning
    kept = client.get_table(f"{bigquery.prefix}raw.okx_funding_rates").time_partitioning
    assert (live.type_, live.expiration_ms) == ("HOUR", 30 * DAY_MS)
    assert (kept.type_, kept.expiration_ms) == ("DAY", None)


def test_a_table_of_an_older_version_gets_what_it_lacks_and_keeps_its_rows(
    place: EmulatedBigQuery, store: BigQueryWarehouse
) -> None:
    client = place.client()
    name = f"{place.prefix}ops.repairs"
    old = client.get_table(name)
    client.delete_table(name)
    old.schema = [field for field in old.schema if field.name != "detail"]
    old.labels, old.description = {}, "old"
    from google.cloud import bigquery as sdk

    made = sdk.Table(old.reference, schema=old.schema)
    client.create_table(made)
    BigQueryWarehouse(store._settings, venues=["binance"]).close()
    found = client.get_table(name)
    added = {field.name: field.mode for field in found.schema}
    assert added["detail"] == "NULLABLE", "rows that are there have no value for it"
    assert added["attempt"] == "REQUIRED"
    assert found.description == "Every attempt to bring a missing interval, and the giving up"


def test_where_a_bound_on_time_is_required_the_platforms_own_questions_have_one(
    store: BigQueryWarehouse,
) -> None:
    rows = candles(0, 2, symbols=["BTCUSDT"])
    store.commit(candle_batch(0, 2, rows=rows, series=()))
    changed = candles(0, 1, symbols=["BTCUSDT"], volume=3.0, run_id="run-2")
    assert store.commit(candle_batch(0, 1, rows=changed, series=())).corrected == 1
    assert store.read("binance", OHLCV)["volume"].to_pylist() == [3.0, 1.0]
    assert store.read_as_of("binance", OHLCV, datetime.now(UTC)).num_rows == 2
    assert sum(row["rows"] for row in store.coverage_by_day().to_pylist()) == 2
    with pytest.raises(RequestInvalid, match=r"(?i)partition"):
        store.query(f"SELECT count(*) AS n FROM {store._names.dataset('raw')}.binance_ohlcv")


def test_a_batch_of_many_days_is_cut_where_one_job_may_change_no_more_partitions() -> None:
    hours = PARTITIONS_OF_A_JOB + 500
    times = [hour * HOUR_MS for hour in range(hours)] * 2
    parts = list(parts_of(range(len(times)), times, HOUR_MS))
    assert sorted(at for part in parts for at in part) == list(range(len(times)))
    assert [len({times[at] // HOUR_MS for at in part}) for part in parts] == [
        PARTITIONS_OF_A_JOB,
        500,
    ]
    assert len(list(parts_of(range(len(times)), times, DAY_MS))) == 1


def test_time_travel_ends_after_seven_days_and_says_what_reaches_further(
    store: BigQueryWarehouse,
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=8)
    with pytest.raises(RequestInvalid, match=r"keeps 7 days(?s:.*)log of corrections"):
        store.read_snapshot("binance", OHLCV, long_ago)
