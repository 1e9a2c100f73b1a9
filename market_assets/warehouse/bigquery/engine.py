"""The warehouse on BigQuery: the contract of the embedded one, on datasets of a project."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, to_ms
from market_assets.warehouse import (
    as_of,
    instruments,
    status,
)
from market_assets.warehouse.alert_records import AlertRecords
from market_assets.warehouse.bigquery import faults, queries
from market_assets.warehouse.bigquery.asking import Asking
from market_assets.warehouse.bigquery.backups import Backups
from market_assets.warehouse.bigquery.billing import Billed
from market_assets.warehouse.bigquery.client import Link, is_emulator
from market_assets.warehouse.bigquery.costs import Meter
from market_assets.warehouse.bigquery.ddl import form_of
from market_assets.warehouse.bigquery.jobs import Jobs
from market_assets.warehouse.bigquery.names import Names
from market_assets.warehouse.bigquery.rows import store_rows
from market_assets.warehouse.bigquery.session import Session, Transaction
from market_assets.warehouse.bigquery.snapshots import Snapshots
from market_assets.warehouse.bigquery.tables import Tables
from market_assets.warehouse.bigquery.versions import store_versions
from market_assets.warehouse.bigquery.writers import EVERYBODY, WRITERS
from market_assets.warehouse.contract import (
    Batch,
    Capabilities,
    Committed,
    Maintained,
)
from market_assets.warehouse.ddl import StoredTable, raw_table
from market_assets.warehouse.estimate import Prices
from market_assets.warehouse.records import Records
from market_assets.warehouse.retention import expire
from market_assets.warehouse.row_store import RowStore

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings

T = TypeVar("T")

# How far back FOR SYSTEM_TIME AS OF reaches, as long as a dataset says nothing else.
# https://cloud.google.com/bigquery/docs/time-travel
_TIME_TRAVEL = timedelta(days=7)


class BigQueryWarehouse(RowStore, Records, AlertRecords, Billed, Asking):
    """One project's datasets. Open it once a run: the client is slow to load."""

    capabilities = Capabilities(
        name="bigquery",
        concurrent_readers=True,
        time_travel=True,
        needs_compaction=False,
        notes=("writers of one table take turns; days expire by themselves",),
    )
    _session: Session

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
        self._backups = Backups(settings, self._names, self._session, self._tables)
        self._ready: set[str] = set()
        if not read_only:
            self.ensure(venues)
            return
        with self._session.explaining(doing):
            if not self._tables.is_there():
                raise faults.nothing_here(self._names.dataset("ops"), self._names.project)

    # -- writing ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing_alone(self, doing: str) -> Iterator[datetime]:
        """After its begin every commit that began before is visible; those underway begin anew."""
        yield self._session.fence(doing)

    # -- reading ---------------------------------------------------------------------------------

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

    def backup(self) -> Snapshots:
        """Keep every raw and ops table as it is at one moment, for `bigquery.backup_days`."""
        return self._backups.take()

    def restore(self, backup: str, *, force: bool = False) -> Snapshots:
        """Replace the store by a backup of that name; `force` allows it when it holds data."""
        self._refuse_when_read_only()
        return self._backups.restore(backup, force=force)

    # -- inside ----------------------------------------------------------------------------------

    def _write(
        self,
        doing: str,
        action: Callable[[Transaction], T],
        *,
        table: StoredTable | None = None,
        label: str = "commit",
    ) -> T:
        self._refuse_when_read_only()
        scope = EVERYBODY if table is None else f"{table.schema}.{table.name}"
        return self._meter.write(self._session, doing, action, scope=scope, label=label)

    def _make(self, tables: Sequence[StoredTable]) -> None:
        with self._session.explaining("Preparing the warehouse on BigQuery"):
            self._tables.ensure([WRITERS, *tables])

    def _store(
        self, connection: Transaction, table: StoredTable, batch: Batch, rows: pa.Table
    ) -> Committed:
        if instruments.is_slowly_changing(batch.dataset):
            return store_versions(connection, table, batch, rows)
        partition_ms = HOUR_MS if form_of(table, self._settings).by_hour else DAY_MS
        return store_rows(connection, table, batch, rows, partition_ms=partition_ms)

    def _refuse_rows(self, table: StoredTable, rows: pa.Table) -> None:
        queries.refuse_nulls(table, rows)

    def _bounded(self, window: Window | None) -> Window | None:
        """All times, said as a bound, where BigQuery refuses a question without one."""
        if window is not None or not self._settings.bigquery.require_partition_filter:
            return window
        return queries.ALL_TIMES

    def _raw_table(self, name: str) -> StoredTable | None:
        return queries.raw_table_named(name.removeprefix("raw."))
