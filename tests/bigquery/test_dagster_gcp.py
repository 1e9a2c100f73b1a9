"""Assets of one's own reach the platform's BigQuery by dagster-gcp's resource, and are limited."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster_gcp import BigQueryResource
from emulator_support import EmulatedBigQuery
from google.api_core.exceptions import BadRequest

from market_assets.defs.bigquery_resource import bigquery_resource
from market_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("bigquery")


def settings_of(place: EmulatedBigQuery) -> Settings:
    return Settings.model_validate(
        {
            "warehouse": {"engine": "bigquery"},
            "bigquery": {
                "api_endpoint": place.api_endpoint,
                "project": place.project,
                "dataset_prefix": place.prefix,
                "labels": {"team": "research"},
            },
            "costs": {"minimum_bytes": 1, "maximum_bytes_billed": 15 * 2**20},
        }
    )


def test_an_asset_of_ones_own_asks_the_marts_and_is_labelled_and_limited(
    bigquery: EmulatedBigQuery,
) -> None:
    client = bigquery.client()
    client.create_dataset(f"{bigquery.prefix}marts")
    for name in ("days", "nights"):
        client.query_and_wait(f"CREATE TABLE {bigquery.prefix}marts.{name} AS SELECT 7 AS n")

    @dg.asset
    def mine(bigquery: BigQueryResource) -> str:
        with bigquery.get_client() as client:
            job = client.query("SELECT n FROM days")
            assert [row.n for row in job.result()] == [7]
            with pytest.raises(BadRequest, match="exceeded limit"):
                client.query_and_wait("SELECT days.n FROM days, nights")
            return str(job.job_id)

    resource = bigquery_resource(settings_of(bigquery))
    result = dg.materialize([mine], resources={"bigquery": resource})
    assert result.success
    labels = client.get_job(result.output_for_node("mine")).labels
    assert labels == {"team": "research", "label": "own-asset"}
    client.close()
