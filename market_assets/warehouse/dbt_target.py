"""Which of the profile's targets dbt works on, and what `dbt_project/profiles.yml` asks of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.settings import Settings


def target_variables(settings: Settings) -> dict[str, str]:
    """The environment of dbt for the engine of these settings.

    Their names begin with DBT_: the platform refuses variables of its own prefix that are no keys.
    """
    if settings.warehouse.engine != "bigquery":
        return {"DBT_TARGET": "dev"}
    from market_assets.warehouse.bigquery.client import is_emulator

    given = settings.bigquery
    expiry = settings.warehouse.retention_days if given.expire_historical else None
    return {
        "DBT_TARGET": "bigquery",
        "DBT_BIGQUERY_METHOD": "oauth-secrets" if is_emulator(given) else "oauth",
        # As Python writes it: None is no endpoint, no key, no expiry.
        "DBT_BIGQUERY_API_ENDPOINT": str(given.api_endpoint),
        "DBT_BIGQUERY_KMS_KEY": str(given.kms_key),
        "DBT_BIGQUERY_EXPIRY_DAYS": str(expiry),
        "DBT_BIGQUERY_PROJECT": given.project or _project(settings),
        "DBT_BIGQUERY_LOCATION": given.location,
        "DBT_BIGQUERY_DATASET_PREFIX": given.dataset_prefix,
        "DBT_BIGQUERY_LABELS": json.dumps(given.labels, sort_keys=True),
        "DBT_BIGQUERY_JOB_TIMEOUT_SECONDS": str(int(given.job_timeout_seconds)),
        "DBT_BIGQUERY_MAXIMUM_BYTES_BILLED": str(settings.costs.maximum_bytes_billed),
    }


def _project(settings: Settings) -> str:
    """The project of the credentials, as the client finds it."""
    from market_assets.warehouse.bigquery.client import connect

    client = connect(settings.bigquery)
    try:
        return str(client.project)
    finally:
        client.close()
