"""The warehouse on BigQuery: the contract of the embedded one, on datasets of a project."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, to_ms
from market_assets.warehouse import (
    as_of,
    changes,
    instruments,
    ledger,
    outcomes,
    quarantine,
    reading,
    status,
)
from market_assets.warehouse.bigquery import faults, queries
from market_assets.warehouse.bigquery.client import Link, is_emulator
from market_assets.warehouse.bigquery.costs import Meter
from market_assets.warehouse.bigquery.ddl import form_of
from market_assets.warehouse.bigquery.jobs import Jobs
from market_assets.warehouse.bigquery.names import Names
from market_assets.warehouse.bigquery.records import BigQueryRecords
from market_assets.warehouse.bigquery.rows import store_rows
from market_assets.warehouse.bigquery.session import Session, Transaction
from market_assets.warehouse.bigquery.tables import Tables
from market_assets.warehouse.bigquery.versions import store_versions
from market_assets.warehouse.bigquery.writers import WRITERS
from market_assets.warehouse.contract import (
    Batch,
    Capabilities,
    Committed,
    Decision,
    Gap,
    Maintained,
    QuarantineEntry,
    QuarantineFilters,
    TableSize,
)
from market_assets.warehouse.ddl import StoredTable, raw_table, venue_datasets
from market_assets.warehouse.estimate import Cost, Prices
from market_assets.warehouse.incoming import as_stored, refuse_duplicates
from market_assets.warehouse.outcomes import of_series
from market_assets.warehouse.parts import Parts, kept_since
from market_assets.warehouse.retention import expire
from market_assets.warehouse.tables import COMMON_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings

# How far back FOR SYSTEM_TIME AS OF reaches, as long as a dataset says nothing else.
# https://cloud.google.com/bigquery/docs/time-travel
_TIME_TRAVEL = timedelta(days=7)


class BigQueryWarehouse(BigQueryRecords):
    """One project's datasets. Open it once a run: the client is slow to load."""

    capabilities = Capabilities(
        name="bigquery",
        concurrent_readers=True,
        time_travel=True,
        needs_compaction=False,
        notes=("writers of one table take turns; days expire by themselves",),
    )
    disk = None

    def __init__(
        self,
        settings: Settings,
        *,
        venues: Sequence[str] = (),
        read_only: bool = False,
        prices: Prices | None = None,
    ) -> None:
        """Open the store of the settings; make it, and the tables of `venues`, unless read-only."""
        self._settings = settings
        given = settings.bigquery
        self._link = Link(given)
        self._prices = prices or Prices.of(settings)
        self._meter = Meter(self._prices, emulated=is_emulator(given))
        self._jobs = Jobs(given, self._link, self._prices.maximum_bytes_billed, self._meter.done)
        doing = "Opening the warehouse on BigQuery"
        self._names = Names(self._link.connected().project, given.dataset_prefix)
        self._session = Session(given, self._link, self._names, self._jobs, read_only=read_only)
        self._tables = Tables(settings, self._link, self._names, self._session)
        self._ready: set[str] = set()
        if not read_only:
            self.ensure(venues)
            return
        with self._session.explaining(doing):
            if not self._tables.is_there():
                raise faults.nothing_here(self._names.dataset("ops"), self._names.project)

    def ensure(self, venues: Sequence[str]) -> None:
        """Create what tables are missing, so that readers find them, empty or not."""
        tables = [raw_table(venue, dataset) for venue in venues for dataset in venue_datasets()]
        self._ensure_tables([*COMMON_TABLES, *tables])

    # -- writing ---------------------------------------------------------------------------------

    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction; a value that differs goes to ops.revisions first."""
        self._refuse_when_read_only()
        table = raw_table(batch.venue, batch.dataset)
        rows = as_stored(table, batch.rows)
        has_versions = instruments.is_slowly_changing(batch.dataset)
        key = instruments.IDENTITY if has_versions else batch.dataset.key
        refuse_duplicates(batch.dataset, rows, key)
        queries.refuse_nulls(table, rows)
        outcomes.check_outcomes(batch.series)
        now = datetime.now(UTC)
        rejects = quarantine.quarantine_rows(batch, now)
        asked = ledger.request_rows(batch.requests)
        self._ensure_tables([*COMMON_TABLES, table])
        by_hour = form_of(table, self._settings).by_hour

        def collect(transaction: Transaction) -> Committed:
            if has_versions:
                stored = store_versions(transaction, table, batch, rows)
            else:
                partition_ms = HOUR_MS if by_hour else DAY_MS
                stored = store_rows(transaction, table, batch, rows, partition_ms=partition_ms)
            gaps_changed = outcomes.store_outcomes(transaction, batch, now)
            changes.record_change(transaction, batch, stored, gaps_changed)
            held = quarantine.store_quarantine(transaction, batch, rejects)
            quarantine.store_decisions(transaction, batch.decisions)
            ledger.store_requests(transaction, asked)
            return replace(stored, quarantined=held)

        doing = f"Storing {batch.venue} {batch.dataset.name} {batch.interval}".rstrip()
        return self._write(doing, collect, scope=f"{table.schema}.{table.name}")

    def decide(self, decisions: Sequence[Decision]) -> int:
        """Note decisions that store no row; how many rows of the quarantine that changed."""
        return self._write(
            "Deciding about the quarantine",
            lambda transaction: quarantine.store_decisions(transaction, decisions),
            label="decide",
        )

    @contextlib.contextmanager
    def writing_alone(self, doing: str) -> Iterator[None]:
        """After its begin every commit that began before is visible; those underway begin anew."""
        self._session.fence(doing)
        yield

    # -- reading ---------------------------------------------------------------------------------

    def covered(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Window]]:
        """For each symbol the parts of `window` that are known to be complete."""
        names = list(symbols)
        with self._session.reading("Reading what is covered", "covered") as cursor:
            series = of_series(venue, dataset, interval, names)
            return reading.read_covered(cursor, series, names, window)

    def gaps(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Gap]]:
        """For each symbol what is recorded as absent inside `window`, clipped to it."""
        names = list(symbols)
        with self._session.reading("Reading what is absent", "gaps") as cursor:
            series = of_series(venue, dataset, interval, names)
            return reading.read_gaps(cursor, series, names, window)

    def read(
        self,
        venue: str,
        dataset: Dataset,
        *,
        interval: str = "",
        symbols: Iterable[str] = (),
        window: Window | None = None,
    ) -> pa.Table:
        """Stored rows in canonical columns, ordered by symbol and time."""
        with self._session.reading(f"Reading {venue} {dataset.name}") as cursor:
            return reading.read_rows(
                cursor,
                raw_table(venue, dataset),
                dataset,
                interval=interval,
                symbols=symbols,
                window=self._bounded(window),
            )

    def read_as_of(
        self,
        venue: str,
        dataset: Dataset,
        moment: datetime,
        *,
        interval: str = "",
        symbols: Iterable[str] = (),
        window: Window | None = None,
    ) -> pa.Table:
        """What `read` would have given at that moment, by the log of corrections."""
        window = self._bounded(window)
        asked = as_of.Asked(venue, dataset, moment, interval, tuple(symbols), window)
        with self._session.reading(f"Reading {venue} {dataset.name} of the past") as cursor:
            return as_of.read_as_of(cursor, asked)

    def read_snapshot(
        self,
        venue: str,
        dataset: Dataset,
        moment: datetime,
        *,
        interval: str = "",
        symbols: Iterable[str] = (),
        window: Window | None = None,
    ) -> pa.Table:
        """The same by BigQuery's time travel, which reaches seven days back."""
        as_of.refuse_future(moment)
        if datetime.now(UTC) - moment > _TIME_TRAVEL:
            raise RequestInvalid(
                "Reading the past",
                f"BigQuery has no snapshot of {moment:%Y-%m-%d %H:%M:%S} any more: it keeps"
                f" {_TIME_TRAVEL.days} days",
                "Ask without the snapshot: the log of corrections reaches back as far as the rows",
            )
        with self._session.reading(f"Reading {venue} {dataset.name} of the past") as cursor:
            return queries.read_snapshot(
                cursor,
                raw_table(venue, dataset),
                dataset,
                moment,
                interval=interval,
                symbols=tuple(symbols),
                window=self._bounded(window),
            )

    def quarantined(self, **which: Unpack[QuarantineFilters]) -> list[QuarantineEntry]:
        """Rows of the quarantine that fit, the newest first."""
        with self._session.reading("Looking into the quarantine", "quarantine") as cursor:
            return quarantine.find_entries(cursor, **which)

    def quarantine_entries(self, prefixes: Sequence[str]) -> list[QuarantineEntry]:
        """The rows whose ids begin so; a prefix that names none or several is refused."""
        with self._session.reading("Looking into the quarantine", "quarantine") as cursor:
            return quarantine.entries_named(cursor, prefixes)

    def accepted(self, venue: str, dataset: Dataset) -> frozenset[str]:
        """Ids of the rows that were released: they are good however often they are read."""
        with self._session.reading("Reading what was released", "quarantine") as cursor:
            return quarantine.accepted_ids(cursor, venue, dataset)

    def accepted_keys(
        self, venue: str, dataset: Dataset, window: Window | None = None
    ) -> dict[tuple[str, str, int], frozenset[str]]:
        """(symbol, interval, milliseconds) of released rows -> the rules that they break."""
        with self._session.reading("Reading what was released", "quarantine") as cursor:
            return quarantine.accepted_keys(cursor, venue, dataset, window)

    def coverage_by_day(
        self,
        *,
        venues: Collection[str] = (),
        datasets: Collection[str] = (),
        window: Window | None = None,
    ) -> pa.Table:
        """Rows stored and gaps by reason for venue, dataset, interval, symbol and day."""
        tables = sorted(
            name.removeprefix("raw.") for name in self.tables() if name.startswith("raw.")
        )
        with self._session.reading("Counting by day", "status") as cursor:
            return status.by_day_of(
                cursor,
                tables,
                venues=venues,
                datasets=datasets,
                window=self._bounded(window),
            )

    # -- asking ----------------------------------------------------------------------------------

    def ask(self, sql: str) -> pa.Table:
        """One SELECT of the platform's own, in DuckDB's dialect."""
        with self._session.reading("Asking the warehouse", "query") as cursor:
            return cursor.execute(sql).to_arrow_table()

    def query(self, sql: str) -> pa.Table:
        """One SELECT of somebody else, in GoogleSQL; what it would bill is looked at before."""
        return queries.run(self._session, sql, self._prices)

    def estimate(self, sql: str) -> Cost:
        """What a SELECT in GoogleSQL would cost, by a dry run, which is free."""
        return queries.estimate(self._session, sql, self._prices)

    def parts(self) -> Parts:
        """The tables by parts of time, as copies to another engine take them."""
        return Parts(
            self._session,
            lambda table, now: kept_since(form_of(table, self._settings).expires_after_days, now),
        )

    def tables(self) -> frozenset[str]:
        """Every table and view that is there, as `raw.binance_ohlcv`."""
        with self._session.explaining("Listing the tables"):
            return self._tables.names()

    def table_sizes(self) -> Mapping[str, TableSize]:
        """The tables (no views) with their rows and stored bytes; costs no query."""
        with self._session.explaining("Measuring the tables"):
            return self._tables.sizes()

    def logical_bytes(self) -> int:
        """What keeping the rows is billed by."""
        return sum(size.bytes for size in self.table_sizes().values())

    def version(self) -> int:
        """A number that is another one after anybody wrote; 0 before the first. Costs no query."""
        with self._session.explaining("Looking when the warehouse was written to"):
            return self._tables.written_at([WRITERS, *COMMON_TABLES])

    # -- keeping ---------------------------------------------------------------------------------

    def maintain(
        self,
        *,
        retention_days: int | None = None,
        snapshot_days: float = 7,  # noqa: ARG002
    ) -> Maintained:
        """Forget what is past retention where BigQuery does not do it itself, and old loads.

        `snapshot_days` is the embedded engine's: here they are a setting of the dataset.
        """
        self._refuse_when_read_only()
        before = self.table_sizes()
        expired = 0
        if retention_days is not None:
            # These days leave by BigQuery's own expiry; a shorter retention is asked for by hand.
            cutoff = to_ms(datetime.now(UTC) - timedelta(days=retention_days))
            raw = [self._raw_table(name) for name in before if name.startswith("raw.")]
            timed = [table.qualified for table in raw if table and table.partitioned_by]
            expired = self._write(
                "Maintaining the warehouse",
                lambda transaction: expire(transaction, timed, cutoff),
                label="keeping",
            )
        with self._session.explaining("Removing old loads"):
            dropped = self._tables.drop_loads()
        after = self.table_sizes()
        return Maintained(
            files_before=0,
            files_after=0,
            bytes_before=sum(size.bytes for size in before.values()),
            bytes_after=sum(size.bytes for size in after.values()),
            rows_expired=expired,
            files_deleted=dropped,
        )

    def close(self) -> None:
        """Let go of the connection. It may be used again: it connects anew."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    def _ensure_tables(self, tables: Sequence[StoredTable]) -> None:
        unknown = [table for table in tables if table.qualified not in self._ready]
        if unknown:
            with self._session.explaining("Preparing the warehouse on BigQuery"):
                self._tables.ensure([WRITERS, *unknown])
            self._ready.update(table.qualified for table in unknown)

    def _bounded(self, window: Window | None) -> Window | None:
        """All times, said as a bound, where BigQuery refuses a question without one."""
        if window is not None or not self._settings.bigquery.require_partition_filter:
            return window
        return queries.ALL_TIMES

    def _raw_table(self, name: str) -> StoredTable | None:
        return queries.raw_table_named(name.removeprefix("raw."))
