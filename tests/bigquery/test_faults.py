"""What BigQuery refuses, told in one message that says what to do, and never who was asking.

The other end is an HTTP server that answers with the bodies of errors that BigQuery documents
(https://cloud.google.com/bigquery/docs/error-messages): the emulator has no quotas and no roles.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from emulator_support import EmulatedBigQuery

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))
from engine_support import settings_of

from market_assets.errors import (
    MarketAssetsError,
    QueryTooLarge,
    RequestInvalid,
    WarehouseBusy,
    WarehouseUnwritable,
)
from market_assets.schemas.datasets import OHLCV
from market_assets.settings import Settings
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse

JOB = {
    "jobReference": {"projectId": "acme-data", "jobId": "j", "location": "EU"},
    "configuration": {"query": {"query": "SELECT 1"}, "jobType": "QUERY"},
    "status": {"state": "DONE"},
    "statistics": {"query": {"statementType": "SELECT", "totalBytesBilled": "10485760"}},
}
COLUMNS = [{"name": column.name, "type": "STRING"} for column in OHLCV.columns]
KEPT: dict[str, dict[str, Any]] = {
    "/queries/": {
        "jobReference": JOB["jobReference"],
        "jobComplete": True,
        "totalRows": "0",
        "schema": {"fields": COLUMNS},
    },
    "/jobs/": JOB,
}


@dataclass
class Refusing:
    """A BigQuery that has the datasets, and answers every job with what it is told to."""

    endpoint: str = ""
    answers: list[tuple[int, str, str]] = field(default_factory=list)
    # Reason and message of the jobs that are taken, and then end so.
    endings: list[tuple[str, str]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return settings_of(EmulatedBigQuery(self.endpoint, "", "acme-data", "market_"))


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    told = Refusing()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept = next((body for part, body in KEPT.items() if part in self.path), {"tables": []})
            self.answer(200, kept)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            told.asked.append(json.loads(self.rfile.read(length)))
            if not told.answers:
                job = JOB | {"jobReference": told.asked[-1]["jobReference"]}
                if told.endings:
                    reason, message = told.endings.pop(0)
                    failed = {"reason": reason, "message": message}
                    job |= {"status": {"state": "DONE", "errorResult": failed}}
                self.answer(200, job)
                return
            status, reason, message = told.answers.pop(0)
            said = {"reason": reason, "message": message, "domain": "global"}
            self.answer(status, {"error": {"code": status, "message": message, "errors": [said]}})

        def answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.endpoint = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (
            (403, "accessDenied", "Access Denied: Table acme-data:market_raw.binance_ohlcv"),
            WarehouseUnwritable,
            r"may not do this in project acme-data: .*Access Denied(?s:.*)roles",
        ),
        (
            (403, "quotaExceeded", "Quota exceeded: too many table update operations"),
            WarehouseBusy,
            r"quota of BigQuery in project acme-data is used up(?s:.*)midnight Pacific",
        ),
        (
            (400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 10485760."),
            QueryTooLarge,
            r"bill more bytes than one query may(?s:.*)costs.maximum_bytes_billed",
        ),
        (
            (404, "notFound", "Not found: Dataset acme-data:raw was not found in location EU"),
            RequestInvalid,
            r"not found in location EU(?s:.*)Set bigquery.location",
        ),
        (
            (404, "notFound", "Not found: Dataset acme-data:market_raw"),
            RequestInvalid,
            r"Not found: Dataset(?s:.*)bigquery.dataset_prefix",
        ),
    ],
)  # fmt: skip
def test_each_refusal_is_one_message_with_what_to_do(
    refusing: Refusing, answer: tuple[int, str, str], kind: type[MarketAssetsError], told: str
) -> None:
    with BigQueryWarehouse(refusing.settings, read_only=True) as store:
        refusing.answers.append(answer)
        with pytest.raises(kind, match=told) as caught:
            store.read("binance", OHLCV)
    assert caught.value.doing == "Reading binance ohlcv"
    assert len(refusing.asked) == 1, "asking again would be refused again"


@pytest.mark.parametrize(
    "answer",
    [
        (503, "backendError", "The service is currently unavailable."),
        (403, "rateLimitExceeded", "Exceeded rate limits: too many concurrent queries"),
    ],
)
def test_a_busy_bigquery_is_asked_again_for_the_same_job(
    refusing: Refusing, answer: tuple[int, str, str]
) -> None:
    with BigQueryWarehouse(refusing.settings, read_only=True) as store:
        refusing.answers.append(answer)
        assert store.read("binance", OHLCV).num_rows == 0
    first, second = (job["jobReference"]["jobId"] for job in refusing.asked)
    assert first == second, "sent twice it is still one job"


@pytest.mark.parametrize("reason", ["backendError", "rateLimitExceeded", "jobInternalError"])
def test_a_job_that_bigquery_itself_failed_on_is_sent_as_a_new_one(
    refusing: Refusing, reason: str
) -> None:
    """The old id stands for the failed one for good."""
    with BigQueryWarehouse(refusing.settings, read_only=True) as store:
        refusing.endings.append((reason, "Error encountered during execution."))
        assert store.read("binance", OHLCV).num_rows == 0
    first, second = (job["jobReference"]["jobId"] for job in refusing.asked)
    assert first != second


def test_a_job_that_failed_by_its_own_fault_is_not_sent_again(refusing: Refusing) -> None:
    with BigQueryWarehouse(refusing.settings, read_only=True) as store:
        refusing.endings.append(("quotaExceeded", "Quota exceeded: query usage per day"))
        with pytest.raises(WarehouseBusy, match="quota of BigQuery"):
            store.read("binance", OHLCV)
    assert len(refusing.asked) == 1


def test_a_job_whose_answer_was_lost_is_found_and_not_sent_anew(refusing: Refusing) -> None:
    with BigQueryWarehouse(refusing.settings, read_only=True) as store:
        refusing.answers.append((409, "duplicate", "Already Exists: Job acme-data:EU.x"))
        assert store.read("binance", OHLCV).num_rows == 0
    assert len(refusing.asked) == 1


def test_a_bigquery_that_nobody_reaches_is_told_before_minutes_have_passed(
    refusing: Refusing,
) -> None:
    closed = EmulatedBigQuery("http://127.0.0.1:9", "", "acme-data", "market_")
    with pytest.raises(WarehouseBusy, match=r"cannot be reached(?s:.*)bigquery.api_endpoint"):
        BigQueryWarehouse(settings_of(closed, retry_seconds=0.2), read_only=True)


def test_every_job_says_who_pays_and_how_much_it_may_bill(refusing: Refusing) -> None:
    from market_assets.warehouse.metering import charged_to

    with BigQueryWarehouse(refusing.settings, read_only=True) as store:
        with charged_to(label="check", asset="raw.binance_ohlcv", run_id="RUN/1"):
            store.read("binance", OHLCV)
        [waiting] = store._meter._waiting
    [job] = refusing.asked
    assert job["configuration"]["labels"] == {
        "app": "market-assets",
        "label": "check",
        "asset": "raw-binance_ohlcv",
        "run": "run-1",
    }
    assert job["configuration"]["query"]["maximumBytesBilled"] == str(10 * 2**30)
    assert job["jobReference"]["location"] == "EU"
    assert (waiting["label"], waiting["bytes_billed"]) == ("check", 10 * 2**20)
    assert waiting["statement_id"] == job["jobReference"]["jobId"]


def test_without_credentials_it_says_how_to_get_some_and_shows_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "account-of-somebody.json"
    secret.write_text('{"type": "service_account", "private_key": "hunter2"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(secret))
    settings = Settings.model_validate({"bigquery": {"project": "acme-data"}})
    with pytest.raises(WarehouseUnwritable, match="gcloud auth application-default") as caught:
        BigQueryWarehouse(settings, read_only=True)
    assert "hunter2" not in str(caught.value)
    assert secret.name not in str(caught.value)
