"""dagster-gcp's BigQueryResource as this installation reaches BigQuery, for assets of your own.

Not among the platform's own definitions: its library costs each Dagster process 2.6 s of CPU
(measured 2026-11-21), and the platform's assets open the warehouse instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster_gcp import BigQueryResource
from pydantic import Field

from market_assets.settings import BigQuerySettings
from market_assets.warehouse.bigquery.client import connect
from market_assets.warehouse.bigquery.names import Names

if TYPE_CHECKING:
    from google.cloud import bigquery

    from market_assets.settings import Settings


class PlatformBigQuery(BigQueryResource):
    """BigQuery with the endpoint, labels and limit that dagster-gcp's own has no place for."""

    api_endpoint: str | None = Field(None, description="Where its API answers")
    dataset: str = Field(description="Where tables named without a dataset are")
    labels: dict[str, str] = Field(description="Labels of every job")
    maximum_bytes_billed: int = Field(description="Most that one query may bill")

    @contextmanager
    def get_client(self) -> Iterator[bigquery.Client]:
        from google.cloud.bigquery import QueryJobConfig

        client = connect(
            BigQuerySettings.model_validate(
                {
                    "project": self.project,
                    "location": self.location,
                    "api_endpoint": self.api_endpoint,
                }
            )
        )
        client.default_query_job_config = QueryJobConfig(
            default_dataset=f"{client.project}.{self.dataset}",
            labels=self.labels,
            maximum_bytes_billed=self.maximum_bytes_billed,
        )
        try:
            yield client
        finally:
            client.close()


def bigquery_resource(settings: Settings) -> BigQueryResource:
    """`dg.Definitions(..., resources={"bigquery": bigquery_resource(load_settings())})`

    A table without a dataset is one of the marts.
    """
    given = settings.bigquery
    return PlatformBigQuery(
        project=given.project,
        location=given.location,
        api_endpoint=str(given.api_endpoint) if given.api_endpoint else None,
        dataset=Names(given.project or "", given.dataset_prefix).dataset("marts"),
        labels={**given.labels, "label": "own-asset"},
        maximum_bytes_billed=settings.costs.maximum_bytes_billed,
    )
