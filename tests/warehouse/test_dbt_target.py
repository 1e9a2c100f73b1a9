"""What dbt is told of the engine: the target, where BigQuery is, and never a credential."""

from __future__ import annotations

import re
from typing import Any

from market_assets.marts.project import SOURCE
from market_assets.settings import Settings
from market_assets.warehouse.dbt_target import target_variables


def told(**bigquery: Any) -> dict[str, str]:
    given = {"warehouse": {"engine": "bigquery"}, "bigquery": {"project": "acme-data", **bigquery}}
    return target_variables(Settings.model_validate(given))


def test_the_embedded_engine_is_dbts_dev_whatever_else_is_set() -> None:
    given = {"bigquery": {"project": "acme-data"}}
    assert target_variables(Settings.model_validate(given)) == {"DBT_TARGET": "dev"}


def test_at_google_dbt_finds_credentials_the_usual_ways() -> None:
    found = told(location="europe-west4", dataset_prefix="live_")
    assert found["DBT_BIGQUERY_METHOD"] == "oauth"
    assert found["DBT_BIGQUERY_PROJECT"] == "acme-data"
    assert found["DBT_BIGQUERY_LOCATION"] == "europe-west4"
    assert found["DBT_BIGQUERY_DATASET_PREFIX"] == "live_"
    assert found["DBT_BIGQUERY_API_ENDPOINT"] == "None"


def test_only_an_endpoint_on_this_machine_goes_without_credentials() -> None:
    assert told(api_endpoint="http://127.0.0.1:9050")["DBT_BIGQUERY_METHOD"] == "oauth-secrets"
    assert told(api_endpoint="https://bigquery.internal")["DBT_BIGQUERY_METHOD"] == "oauth"


def test_marts_expire_with_the_raw_rows_or_not_at_all() -> None:
    assert told()["DBT_BIGQUERY_EXPIRY_DAYS"] == "730"
    assert told(expire_historical=False)["DBT_BIGQUERY_EXPIRY_DAYS"] == "None"


def test_the_project_asks_for_nothing_that_dbt_is_not_told() -> None:
    files = [SOURCE / "profiles.yml", SOURCE / "dbt_project.yml", *SOURCE.glob("m*/**/*.*")]
    asked = {
        name
        for file in files
        for name in re.findall(r"env_var\('(\w+)'", file.read_text(encoding="utf-8"))
    }
    assert asked == set(told())
