"""What the emulator was taught (emulator/gaps): documented behaviour that others build on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from emulator_support import EmulatedBigQuery

pytestmark = pytest.mark.xdist_group("bigquery")

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def place(bigquery_emulator: Any) -> EmulatedBigQuery:
    return bigquery_emulator.place("gaps")


@pytest.fixture(scope="module")
def client(place: EmulatedBigQuery) -> Iterator[Any]:
    from google.cloud import bigquery

    client = place.client()
    dataset = bigquery.Dataset(f"{place.project}.{place.prefix}raw")
    dataset.location = "europe-west4"
    client.create_dataset(dataset)
    yield client
    client.close()


@pytest.fixture(scope="module")
def candles(client: Any, place: EmulatedBigQuery) -> str:
    """A table that refuses questions without a filter on its day."""
    table = f"{place.prefix}raw.candles"
    client.query_and_wait(
        f"CREATE TABLE {table} (timestamp TIMESTAMP NOT NULL, symbol STRING, close FLOAT64)"
        " PARTITION BY DATE(timestamp) CLUSTER BY symbol OPTIONS (partition_expiration_days = 730,"
        " require_partition_filter = TRUE, labels = [('team', 'research')])"
    )
    return table


def test_a_table_tells_its_expiry_its_filter_and_the_location_of_its_dataset(
    client: Any, candles: str
) -> None:
    table = client.get_table(candles)
    assert table.time_partitioning.expiration_ms == 730 * DAY_MS
    assert (table.require_partition_filter, table.location) == (True, "europe-west4")
    client.query_and_wait(f"ALTER TABLE {candles} SET OPTIONS (partition_expiration_days = 30)")
    changed = client.get_table(candles)
    assert changed.time_partitioning.expiration_ms == 30 * DAY_MS
    assert (changed.time_partitioning.field, changed.clustering_fields) == ("timestamp", ["symbol"])


def test_the_job_of_a_create_as_select_names_the_table_it_made(
    client: Any, place: EmulatedBigQuery
) -> None:
    job = client.query(f"CREATE OR REPLACE TABLE {place.prefix}raw.made AS SELECT 1 AS one")
    assert list(job.result()) == []
    assert client.get_job(job.job_id).destination.table_id == "made"


@pytest.mark.parametrize(
    ("statement", "accepted"),
    [
        ("MERGE {t} AS t USING (SELECT TIMESTAMP '2026-03-10' AS moment, 'B' AS s) AS n"
         " ON t.symbol = n.s AND t.timestamp >= '2026-03-10'"
         " WHEN NOT MATCHED THEN INSERT (timestamp, symbol) VALUES (n.moment, n.s)", True),
        ("MERGE {t} AS t USING (SELECT 'B' AS s) AS n ON t.symbol = n.s"
         " WHEN MATCHED THEN UPDATE SET close = 1.0", False),
        ("DELETE FROM {t} WHERE symbol = 'B'", False),
        ("DELETE FROM {t} WHERE timestamp >= '2026-03-10' AND symbol = 'X'", True),
        ("SELECT COUNT(*) FROM {t}", False),
    ],
)  # fmt: skip
def test_a_required_partition_filter_is_asked_of_every_statement(
    client: Any, candles: str, statement: str, accepted: bool
) -> None:
    from google.api_core.exceptions import BadRequest

    if accepted:
        client.query_and_wait(statement.format(t=candles))
    else:
        with pytest.raises(BadRequest, match="partition elimination"):
            client.query_and_wait(statement.format(t=candles))


def test_a_script_takes_its_variables_from_a_structure(client: Any) -> None:
    rows = client.query_and_wait(
        "DECLARE days ARRAY<DATE>; SET (days) = (SELECT AS STRUCT ARRAY_AGG(d) FROM"
        " UNNEST([DATE '2026-03-10', DATE '2026-03-11']) AS d); SELECT ARRAY_LENGTH(days) AS n"
    )
    assert [row.n for row in rows] == [2]


def test_jobs_tell_their_labels_and_partitions_their_rows(
    client: Any, place: EmulatedBigQuery
) -> None:
    from google.cloud import bigquery

    labelled = bigquery.QueryJobConfig(labels={"asset": "gaps"})
    job = client.query("SELECT 1", job_config=labelled)
    job.result()
    rows = client.query_and_wait(
        "SELECT job_id, total_bytes_billed FROM `region-eu`.INFORMATION_SCHEMA.JOBS AS jobs"
        " WHERE EXISTS (SELECT 1 FROM UNNEST(labels) AS l"
        " WHERE l.key = 'asset' AND l.value = 'gaps')"
    )
    assert [row.job_id for row in rows] == [job.job_id]


def test_a_query_bills_ten_megabytes_for_each_table_and_is_refused_above_its_limit(
    client: Any, place: EmulatedBigQuery
) -> None:
    from google.api_core.exceptions import BadRequest
    from google.cloud import bigquery

    client.query_and_wait(f"CREATE OR REPLACE TABLE {place.prefix}raw.few AS SELECT 1 AS one")
    twice = f"SELECT COUNT(*) FROM {place.prefix}raw.few, {place.prefix}raw.made"
    client.query_and_wait(f"CREATE OR REPLACE TABLE {place.prefix}raw.made AS SELECT 1 AS one")
    job = client.query(twice)
    job.result()
    assert (job.total_bytes_billed, job.total_bytes_processed) == (20 * 2**20, 16)
    estimate = client.query(twice, job_config=bigquery.QueryJobConfig(dry_run=True))
    assert estimate.total_bytes_processed == 16
    limited = bigquery.QueryJobConfig(maximum_bytes_billed=20 * 2**20 - 1)
    with pytest.raises(BadRequest, match="exceeded limit"):
        client.query_and_wait(twice, job_config=limited)


def test_a_partition_decorator_is_refused_rather_than_taken_for_a_name(
    client: Any, candles: str
) -> None:
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud import bigquery

    config = bigquery.QueryJobConfig(destination=f"{client.project}.{candles}$20260310")
    with pytest.raises(GoogleAPICallError, match="decorators"):
        client.query_and_wait("SELECT 1 AS one", job_config=config)


def test_an_escaped_backslash_is_no_escape(bigquery: EmulatedBigQuery) -> None:
    assert bigquery.rows(r"SELECT 'a\\u2014b', 'a\u2014b', r'\x41', '\\\\'") == [
        ("a\\u2014b", "a—b", "\\x41", "\\\\")
    ]


def test_what_ran_is_noted_once_with_the_schemas_it_named_and_what_failed_is_not(
    client: Any, place: EmulatedBigQuery, bigquery_emulator: Any
) -> None:
    from google.api_core.exceptions import BadRequest

    table = f"{place.prefix}raw.noted"
    client.query_and_wait(f"CREATE TABLE {table} (noted_symbol STRING)")
    for value in ("BTCUSDT", "ETHUSDT"):
        client.query_and_wait(f"DELETE FROM {table} WHERE noted_symbol = '{value}'")
    with pytest.raises(BadRequest):
        client.query_and_wait(f"DELETE FROM {table} WHERE noted_nothing = 'BTCUSDT'")
    lines = map(json.loads, bigquery_emulator.statements.read_text().splitlines())
    noted = [line for line in lines if "DELETE" in line["sql"] and "noted_" in line["sql"]]
    assert [line["tables"][0]["fields"] for line in noted] == [
        [{"name": "noted_symbol", "type": "STRING"}]
    ]
