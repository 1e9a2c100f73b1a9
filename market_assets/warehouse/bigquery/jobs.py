"""One job of BigQuery at a time: labelled, limited, sent once however often it is asked for.

A job's id is made before it is sent. When the answer is lost on its way, the same id is sent again
and BigQuery says that it has it: nothing is done twice.
"""

from __future__ import annotations

import itertools
import random
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar

from market_assets.warehouse.bigquery import faults
from market_assets.warehouse.bigquery.client import Link
from market_assets.warehouse.estimate import Statement
from market_assets.warehouse.metering import charged

if TYPE_CHECKING:
    from google.cloud.bigquery import CopyJobConfig, LoadJobConfig, QueryJob
    from google.cloud.bigquery.table import RowIterator

    from market_assets.settings import BigQuerySettings

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 20.0
# Times that one request is sent: after these some 40 s it is the caller's to wait.
_ATTEMPTS = 6
_NOT_OF_A_LABEL = re.compile(r"[^a-z0-9_-]+")
_LABEL_LENGTH = 63


@dataclass(frozen=True, slots=True)
class Done:
    """What a job says of itself when it is over."""

    statement: Statement
    job_id: str
    bytes_processed: int
    bytes_billed: int


class Jobs:
    """Sends the jobs of one process; `on_done` hears of each that may cost something."""

    def __init__(
        self,
        settings: BigQuerySettings,
        link: Link,
        maximum_bytes_billed: int,
        on_done: Callable[[Done], None],
    ) -> None:
        self._settings = settings
        self._link = link
        self._maximum_bytes_billed = maximum_bytes_billed
        self._on_done = on_done

    def query(self, sql: str, label: str) -> tuple[QueryJob, RowIterator]:
        """Run a statement or a script to its end; its answer, and the job it was."""
        from google.cloud.bigquery import QueryJobConfig

        statement = charged(Statement(label))
        config = QueryJobConfig(
            labels=self.labels(statement),
            maximum_bytes_billed=self._maximum_bytes_billed,
            use_query_cache=True,
        )
        client = self._link.connected()
        job, found = self._done(
            lambda job_id: client.query(
                sql, job_config=config, job_id=job_id, retry=None, job_retry=None
            )
        )
        self._on_done(
            Done(
                statement,
                job.job_id or "",
                int(job.total_bytes_processed or 0),
                int(job.total_bytes_billed or 0),
            )
        )
        return job, found

    def dry_run(self, sql: str) -> QueryJob:
        """What a statement would be: its kind and the bytes that it would read. Free."""
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(
            dry_run=True, use_query_cache=False, labels=self.labels(charged(Statement("dry_run")))
        )
        client = self._link.connected()
        return self.patiently(
            lambda: client.query(sql, job_config=config, retry=None, job_retry=None)
        )

    def load(self, file: IO[bytes], table: str, config: LoadJobConfig) -> int:
        """Load a Parquet file into a table; the rows that it had. Free."""
        statement = charged(Statement("load"))
        config.labels = self.labels(statement)
        client = self._link.connected()

        def send(job_id: str) -> Any:
            file.seek(0)
            return client.load_table_from_file(file, table, job_config=config, job_id=job_id)

        job, _ = self._done(send)
        return int(job.output_rows or 0)

    def snapshot(self, source: str, moment: datetime, target: str, until: datetime) -> None:
        """Keep a table as it was at a moment (whole milliseconds) under another name. Free.

        The source's time decorator: https://cloud.google.com/bigquery/docs/table-snapshots-create
        """
        from google.cloud.bigquery import CopyJobConfig, OperationType

        milliseconds = round(moment.timestamp() * 1000)
        config = CopyJobConfig(
            operation_type=OperationType.SNAPSHOT, destination_expiration_time=until.isoformat()
        )
        self._copy(f"{source}@{milliseconds}", target, config)

    def restore(self, snapshot: str, target: str, *, replace: bool) -> None:
        """Make a table, or its rows, those of a snapshot; only where there are none, or `replace`.
        Free."""
        from google.cloud.bigquery import CopyJobConfig, OperationType, WriteDisposition

        config = CopyJobConfig(
            operation_type=OperationType.RESTORE,
            write_disposition=(
                WriteDisposition.WRITE_TRUNCATE if replace else WriteDisposition.WRITE_EMPTY
            ),
        )
        self._copy(snapshot, target, config)

    def hear_of(self, label: str, value: str, since: datetime) -> None:
        """Count the jobs that others sent under a label, as if we had; free.

        A script counts once: its own totals are those of its statements.
        """
        listed = self._link.connected().list_jobs(min_creation_time=since, state_filter="done")
        for job in listed:
            told = job.labels or {}
            if job.job_type != "query" or told.get(label) != value:
                continue
            # Labels hold no dots: marts_ohlcv is marts.ohlcv.
            asset = told.get("asset", "").replace("marts_", "marts.", 1)
            self._on_done(
                Done(
                    charged(Statement(told.get("label", ""), asset=asset)),
                    job.job_id or "",
                    int(job.total_bytes_processed or 0),
                    int(job.total_bytes_billed or 0),
                )
            )

    def _copy(self, source: str, target: str, config: CopyJobConfig) -> None:
        from google.cloud.bigquery import EncryptionConfiguration

        config.labels = self.labels(charged(Statement("keeping")))
        if self._settings.kms_key:
            config.destination_encryption_configuration = EncryptionConfiguration(
                kms_key_name=self._settings.kms_key
            )
        client = self._link.connected()
        self._done(
            lambda job_id: client.copy_table(source, target, job_config=config, job_id=job_id)
        )

    def labels(self, statement: Statement) -> Mapping[str, str]:
        """Who pays, as labels: they are in INFORMATION_SCHEMA.JOBS and on the bill."""
        told = {"label": statement.label, "asset": statement.asset, "run": statement.run_id}
        return {
            **self._settings.labels,
            **{name: as_label(value) for name, value in told.items() if value},
        }

    def patiently(self, ask: Callable[[], T]) -> T:
        """`ask`, again while BigQuery is busy or not reached; its other errors at once."""
        for attempt in itertools.count(1):
            try:
                return ask()
            except Exception as error:
                if attempt >= _ATTEMPTS or not faults.is_transient(error):
                    raise
            _pause(attempt)
        raise AssertionError("unreachable")

    def _done(self, send: Callable[[str], Any]) -> tuple[Any, Any]:
        """The job and its answer; one that BigQuery itself has failed on is sent as another job.

        How it ended has to be known for that: a failed job has changed nothing, for its
        transaction is rolled back. One that is only not heard of any more may still be done.
        """
        for attempt in itertools.count(1):
            job = self._sent(send)
            try:
                return job, self._finished(job)
            except Exception as error:
                by_chance = faults.is_transient(error) and not faults.is_conflict(error)
                if attempt >= _ATTEMPTS or not job.error_result or not by_chance:
                    raise
            _pause(attempt)
        raise AssertionError("unreachable")

    def _sent(self, send: Callable[[str], Any]) -> Any:
        from google.api_core.exceptions import Conflict

        job_id = f"market-assets-{uuid.uuid4()}"

        def once() -> Any:
            try:
                return send(job_id)
            except Conflict:
                # It has arrived before; only the answer was lost.
                return self._link.connected().get_job(job_id, location=self._settings.location)

        return self.patiently(once)

    def _finished(self, job: Any) -> Any:
        from concurrent.futures import TimeoutError as TookTooLong

        limit = self._settings.job_timeout_seconds
        try:
            # Asking again how a job fares is harmless, so the client's own retries may stay.
            if job.job_type == "query":
                return job.result(timeout=limit, job_retry=None)
            return job.result(timeout=limit)
        except (TookTooLong, TimeoutError) as error:
            job.cancel()
            raise TimeoutError(f"job {job.job_id} took longer than {limit:g} s") from error


def _pause(attempt: int) -> None:
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
    time.sleep(random.uniform(0, longest))


def as_label(value: str) -> str:
    return _NOT_OF_A_LABEL.sub("-", value.lower())[:_LABEL_LENGTH]
