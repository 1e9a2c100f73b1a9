"""Store what a run found, chunk by chunk, and count it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from market_assets.ingest.finding import Finding
from market_assets.ingest.job import AbsentInterval, Job, Summary
from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse.contract import Batch, QuarantinedRow
from market_assets.warehouse.protocol import Warehouse


class Storing:
    """One run's way into the warehouse; `requests` are what it asked and has not stored yet."""

    def __init__(self, job: Job, dataset: Dataset, warehouse: Warehouse, summary: Summary) -> None:
        self.requests: list[RequestRecord] = []
        self._job = job
        self._dataset = dataset
        self._warehouse = warehouse
        self._summary = summary
        self._turn = asyncio.Lock()

    async def keep(self, findings: Sequence[Finding], dataset: Dataset) -> None:
        """Store in a thread, so that fetching goes on; one chunk after the other."""
        async with self._turn:
            storing = asyncio.create_task(asyncio.to_thread(self.store, findings, dataset))
            try:
                await asyncio.shield(storing)
            except asyncio.CancelledError:
                await storing  # a thread can't be stopped: what it stores counts as stored
                raise

    def store(self, findings: Sequence[Finding], dataset: Dataset) -> None:
        """Everything found about a chunk, and the requests behind it, in one transaction."""
        import pyarrow as pa

        requests = self.requests[:]
        tables = [table for finding in findings for table in finding.tables if table.num_rows]
        quarantined = [row for finding in findings for row in finding.quarantined]
        done = self._warehouse.commit(
            Batch(
                venue=self._job.venue,
                dataset=dataset,
                interval=self._job.interval if dataset is OHLCV else "",
                run_id=self._job.run_id,
                rows=pa.concat_tables(tables)
                if tables
                else arrow.table((), dataset.arrow_schema()),
                series=[outcome for finding in findings for outcome in finding.outcomes()],
                quarantined=quarantined,
                requests=requests,
            )
        )
        # The client records from the event loop while this runs in a thread: take only what was
        # stored, and take it in place.
        del self.requests[: len(requests)]
        self._sum_up(findings, requests, quarantined)
        if dataset is self._dataset:
            self._summary.inserted += done.inserted
            self._summary.corrected += done.corrected
            self._summary.unchanged += done.unchanged

    def _sum_up(
        self,
        findings: Sequence[Finding],
        requests: Sequence[RequestRecord],
        quarantined: Sequence[QuarantinedRow],
    ) -> None:
        summary = self._summary
        summary.quarantined += len(quarantined)
        for row in quarantined:
            summary.quarantine_reasons.update(row.reasons)
        for finding in findings:
            summary.absent += [AbsentInterval(finding.symbol, gap) for gap in finding.gaps]
        summary.requests += len(requests)
        summary.weight += sum(request.weight for request in requests)
        summary.failed_requests += sum(1 for request in requests if request.outcome != "ok")
        summary.latencies_ms += [request.latency_ms for request in requests]
