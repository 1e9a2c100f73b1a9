"""What the doctor says of BigQuery: reached or not, by whose credentials, and never those."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery
from google.cloud.bigquery import Dataset

from market_assets.doctor import Finding, on_bigquery
from market_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("bigquery")

SECRET = "canary-7f3a"


def findings(**bigquery: object) -> dict[str, Finding]:
    settings = Settings.model_validate({"warehouse": {"engine": "bigquery"}, "bigquery": bigquery})
    return {finding.check: finding for finding in on_bigquery(settings)}


def test_an_emulator_is_told_as_one_and_datasets_are_looked_for(bigquery: EmulatedBigQuery) -> None:
    there = {
        "api_endpoint": bigquery.api_endpoint,
        "project": bigquery.project,
        "dataset_prefix": bigquery.prefix,
    }
    found = findings(**there)
    assert found["BigQuery endpoint"].status == "warn"
    assert "Google credentials" not in found
    assert found["BigQuery project"].detail == "emulated-project (bigquery.project)"
    assert found["BigQuery permission"].status == "ok"
    assert found["BigQuery datasets"].detail == "none yet: the first ingest makes them in EU"

    dataset = Dataset(f"{bigquery.project}.{bigquery.prefix}ops")
    dataset.location = "us-east1"
    bigquery.client().create_dataset(dataset)
    moved = findings(**there)["BigQuery datasets"]
    assert (moved.status, "ops is in us-east1" in moved.detail) == ("fail", True)
    there["location"] = "us-east1"
    assert findings(**there)["BigQuery datasets"].status == "ok"


def test_an_endpoint_at_which_nobody_answers_is_a_finding_and_no_crash() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refused = findings(api_endpoint=f"http://127.0.0.1:{port}")["BigQuery permission"]
    assert (refused.status, bool(refused.action)) == ("fail", True)


def test_credentials_that_cannot_be_read_are_told_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"type": "service_account", "private_key": SECRET}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    found = findings()
    assert found["Google credentials"].status == "fail"
    assert "gcloud auth application-default login" in found["Google credentials"].action
    assert SECRET not in str(found)


def test_the_kind_of_credentials_is_told_and_nothing_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "person.json"
    told = {"client_id": "id", "client_secret": SECRET, "refresh_token": SECRET}
    file.write_text(json.dumps({"type": "authorized_user", **told}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # so that nothing leaves this machine
    found = findings(project="acme-market-data")
    assert found["Google credentials"].detail.startswith("found: a person's")
    assert found["BigQuery permission"].status == "fail"
    assert SECRET not in str(found)
