"""The embedded warehouse: DuckLake with a SQLite catalog and Parquet data, in one folder.

Writers of all processes take turns behind a file lock, readers see the last commit and wait for
nobody. Why this store and these settings: docs/decisions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse import (
    as_of,
    faults,
    instruments,
    maintenance,
    statements,
    status,
)
from market_assets.warehouse.alert_records import AlertRecords
from market_assets.warehouse.asking import Asking
from market_assets.warehouse.backup import Manifest, back_up, restore
from market_assets.warehouse.contract import (
    Batch,
    Capabilities,
    Committed,
    Maintained,
)
from market_assets.warehouse.costs import Meter
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.estimate import Prices
from market_assets.warehouse.estimating import Estimating
from market_assets.warehouse.layout import Layout
from market_assets.warehouse.metering import metered
from market_assets.warehouse.records import Records
from market_assets.warehouse.row_store import RowStore
from market_assets.warehouse.rows import store_rows
from market_assets.warehouse.session import Session

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

T = TypeVar("T")


class DuckLakeWarehouse(RowStore, Records, AlertRecords, Estimating, Asking):
    """One warehouse folder. Open it once a run: connecting costs more than a query."""

    capabilities = Capabilities(
        name="ducklake",
        concurrent_readers=True,
        time_travel=True,
        needs_compaction=True,
        notes=("one writer at a time; readers never wait",),
    )
    _session: Session

    def __init__(
        self,
        path: Path,
        *,
        venues: Sequence[str] = (),
        lock_timeout_seconds: float = 120,
        read_only: bool = False,
        prices: Prices | None = None,
    ) -> None:
        """Open the warehouse in `path`; make it, and the tables of `venues`, unless `read_only`."""
        self.path = Path(path).absolute()
        self._session = Session(
            Layout(self.path),
            lock_timeout_seconds=lock_timeout_seconds,
            read_only=read_only,
        )
        self._meter = Meter(self._session, prices or Prices())
        self._ready: set[str] = set()
        if not read_only:
            self.ensure(venues)
        elif not self._session.layout.exists:
            raise faults.nothing_here(self.path)

    # -- writing ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing_alone(self, doing: str) -> Iterator[datetime]:
        """Hold the writer lock, for work on the store that does not go through `commit`.

        Do not commit inside: that would wait for this very lock.
        """
        with self._session.locked(doing):
            yield datetime.now(UTC)

    # -- reading ---------------------------------------------------------------------------------

    @metered(statements.read)
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
        """The same by the store's own snapshot, which is kept for days."""
        asked = as_of.Asked(venue, dataset, moment, interval, tuple(symbols), window)
        with self._session.reading(f"Reading {venue} {dataset.name} of the past") as cursor:
            return as_of.read_snapshot(cursor, asked)

    @metered(statements.coverage_by_day)
    def coverage_by_day(
        self,
        *,
        venues: Collection[str] = (),
        datasets: Collection[str] = (),
        window: Window | None = None,
    ) -> pa.Table:
        """Rows stored and gaps by reason for venue, dataset, interval, symbol and day."""
        with self._session.reading("Counting by day") as cursor:
            return status.coverage_by_day(cursor, venues=venues, datasets=datasets, window=window)

    # -- keeping ---------------------------------------------------------------------------------

    @metered(statements.copy)
    def maintain(
        self,
        *,
        retention_days: int | None = None,
        snapshot_days: float = 7,
        grace_seconds: float = 3600,
    ) -> Maintained:
        """Compact small files, drop old snapshots, and expire rows past retention.

        Files leave the disk `grace_seconds` after they were last needed: readers may be on them.
        """
        self._refuse_when_read_only()
        keeping = maintenance.Keeping(retention_days, snapshot_days, grace_seconds)
        return maintenance.maintain(self._session, keeping)

    @metered(statements.copy)
    def backup(self, target: Path) -> Manifest:
        """Copy the whole store, consistently, into the new folder `target`."""
        return back_up(self._session, Path(target).absolute())

    @metered(statements.copy)
    def restore(self, source: Path, *, force: bool = False) -> Manifest:
        """Replace the store by a backup; `force` allows it when the store holds data."""
        self._refuse_when_read_only()
        self._ready.clear()
        return restore(self._session, Path(source).absolute(), force=force)

    # -- inside ----------------------------------------------------------------------------------

    def _write(
        self,
        doing: str,
        action: Callable[[duckdb.DuckDBPyConnection], T],
        *,
        table: StoredTable | None = None,  # noqa: ARG002
        label: str = "commit",  # noqa: ARG002
    ) -> T:
        self._refuse_when_read_only()
        return self._meter.write(doing, action)

    def _make(self, tables: Sequence[StoredTable]) -> None:
        self._session.ensure(tables)

    def _store(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: StoredTable,
        batch: Batch,
        rows: pa.Table,
    ) -> Committed:
        if instruments.is_slowly_changing(batch.dataset):
            return instruments.store_versions(connection, table, batch, rows)
        return store_rows(connection, table, batch, rows)
