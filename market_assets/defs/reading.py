"""The body of a raw asset: one call of the ingest over the run's partitions.

A partition is shown as materialised only when every symbol's part of it is stored or absent for a
proven reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs import partitions
from market_assets.defs.checks import judged
from market_assets.defs.interrupts import cancellable
from market_assets.defs.names import REFRESH_TAG, REPAIR_TAG, raw_key
from market_assets.defs.outcome import Outcome, complete_hours
from market_assets.defs.report import Report
from market_assets.defs.resources import open_warehouse
from market_assets.errors import MarketAssetsError
from market_assets.ingest.job import Job
from market_assets.ingest.run import Progress, ingest
from market_assets.quality.repair import fill_up
from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.timeline import HOUR_MS, Window, floor_to, to_text
from market_assets.venues._gate import Wait

if TYPE_CHECKING:
    from market_assets.settings import Settings, VenueSettings
    from market_assets.warehouse.protocol import Warehouse

# While a venue makes us wait, many requests say so: one line of log in so many seconds is enough.
_SECONDS_BETWEEN_WAITS = 15.0


class Reading(dg.Config):
    """How a run reads."""

    # Ask again for what is complete, to find values that the venue corrected later.
    refresh: bool = False


class RawRun:
    """One asset's part of one Dagster run."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        venue: str,
        options: VenueSettings,
        dataset: Dataset,
        settings: Settings,
        refresh: bool,
    ) -> None:
        self.context = context
        self.venue = venue
        self.options = options
        self.dataset = dataset
        self.settings = settings
        self.refresh = refresh or context.run.tags.get(REFRESH_TAG) == "true"
        self.repairing = context.run.tags.get(REPAIR_TAG) == "true"
        self.key = raw_key(venue, dataset)
        self.hours = partitions.window_of_run(context, otherwise=_last_closed_hour())
        self.outcome = Outcome(self.hours)

    @property
    def intervals(self) -> tuple[str, ...]:
        return self.options.intervals if self.dataset is OHLCV else ("",)

    def materialise(self) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """All hours of the run, or a failure after which the complete hours count as done.

        Its checks are answered either way; a run of checks alone asks no venue.
        """
        with open_warehouse(self.settings) as warehouse:
            if not self.context.selected_asset_keys:
                yield from self._checks(warehouse)
                return
            try:
                with cancellable():
                    self._ingest(warehouse)
            except BaseException:
                # Cancelled, or a bug: what is stored is stored, and counts.
                self._keep_complete_hours(warehouse)
                raise
            report = Report(self.outcome, warehouse)
            if not self.outcome.complete:
                done = self._keep_complete_hours(warehouse, report.numbers())
                yield from self._checks(warehouse)
                raise self._failure(done, report.numbers() | report.pictures())
            for hour, rows in report.rows_by_hour().items():
                self.context.add_asset_metadata(
                    {"dagster/partition_row_count": rows}, partition_key=partitions.hour_key(hour)
                )
            # A picture is as big as all the rest, and every partition of a run gets its own event.
            self.context.add_asset_metadata(
                report.pictures(), partition_key=partitions.hour_key(self.hours.end - HOUR_MS)
            )
            yield dg.MaterializeResult(asset_key=self.key, metadata=report.numbers())
            yield from self._checks(warehouse)

    def materialise_snapshot(self) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """What the venue lists now. It can't be asked what it listed on an earlier day."""
        with open_warehouse(self.settings) as warehouse:
            if not self.context.selected_asset_keys:
                yield from self._checks(warehouse)
                return
            with cancellable():
                self._ingest(warehouse)
            report = Report(self.outcome, warehouse)
            if not self.outcome.complete:
                yield from self._checks(warehouse)
                raise self._failure(0, report.numbers())
            taken = to_text(int(time.time()) * 1000)
            note = (
                f"A snapshot taken at {taken} UTC. Venues tell only what they list now, so"
                " partitions of earlier days hold the same."
            )
            yield dg.MaterializeResult(
                asset_key=self.key, metadata={**report.numbers(), "note": note}
            )
            yield from self._checks(warehouse)

    # -- inside

    def _checks(self, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        yield from judged(
            self.context, warehouse, self.settings, self.venue, self.dataset, self.hours
        )

    def _ingest(self, warehouse: Warehouse) -> None:
        """One job for each candle length; a known error is kept, so that it can be explained."""
        try:
            for interval in self.intervals:
                window = partitions.candles_of(self.hours, interval) if interval else self.hours
                if not window:
                    continue  # no candle of this length closes in these hours
                job = Job(
                    self.venue,
                    self.dataset.name,
                    tuple(self.options.symbols),
                    window,
                    interval,
                    self.refresh,
                    self.context.run.run_id,
                )
                summary = ingest(job, self.settings, warehouse, Progress(on_wait=self._said()))
                if self.repairing:
                    fill_up(job, summary, self.settings, warehouse)
                self.outcome.summaries.append(summary)
                if summary.stopped_by is not None:
                    break
        except MarketAssetsError as error:
            self.outcome.error = error

    def _said(self) -> Callable[[Wait], None]:
        """Tell in the run's log that the venue makes us wait, now and then."""
        last = -_SECONDS_BETWEEN_WAITS

        def on_wait(wait: Wait) -> None:
            nonlocal last
            if wait.seconds >= 1 and time.monotonic() - last >= _SECONDS_BETWEEN_WAITS:
                last = time.monotonic()
                self.context.log.info(
                    f"Waiting {wait.seconds:.0f} s for {self.venue}: {wait.reason} {wait.detail}"
                )

        return on_wait

    def _keep_complete_hours(
        self, warehouse: Warehouse, numbers: dict[str, dg.MetadataValue] | None = None
    ) -> int:
        """Log what is complete as materialised, so that only the rest is run again."""
        done = complete_hours(
            warehouse,
            self.venue,
            self.dataset.name,
            self.options.symbols,
            self.intervals,
            self.hours,
        )
        for hour in done:
            self.context.log_event(
                dg.AssetMaterialization(
                    self.key, partition=partitions.hour_key(hour), metadata=numbers
                )
            )
        return len(done)

    def _failure(self, done: int, metadata: dict[str, dg.MetadataValue]) -> dg.Failure:
        retryable = self.outcome.retryable
        if not retryable:
            # Dagster's run retries look at this tag only, not at allow_retries.
            self.context.instance.add_run_tags(
                self.context.run.run_id, {"dagster/max_retries": "0"}
            )
        return dg.Failure(
            self.outcome.explained(done, len(self.context.partition_keys)),
            metadata=metadata,
            allow_retries=retryable,
        )


def _last_closed_hour() -> Window:
    end = floor_to(int(time.time() * 1000), HOUR_MS)
    return Window(end - HOUR_MS, end)
