"""The embedded warehouse: DuckLake with a SQLite catalog and Parquet data, in one folder.

Writers of all processes take turns behind a file lock, readers see the last commit and wait for
nobody. Why this store and these settings: docs/decisions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Unpack

from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse import (
    as_of,
    changes,
    faults,
    instruments,
    ledger,
    maintenance,
    outcomes,
    quarantine,
    reading,
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
    Decision,
    Gap,
    Maintained,
    QuarantineEntry,
    QuarantineFilters,
)
from market_assets.warehouse.costs import Meter
from market_assets.warehouse.ddl import StoredTable, raw_table, venue_datasets
from market_assets.warehouse.estimate import Prices
from market_assets.warehouse.incoming import as_stored, refuse_duplicates
from market_assets.warehouse.layout import Layout
from market_assets.warehouse.metering import metered
from market_assets.warehouse.outcomes import of_series
from market_assets.warehouse.records import Records
from market_assets.warehouse.rows import store_rows
from market_assets.warehouse.session import Session
from market_assets.warehouse.tables import COMMON_TABLES

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class DuckLakeWarehouse(Records, AlertRecords, Asking):
    """One warehouse folder. Open it once a run: connecting costs more than a query."""

    capabilities = Capabilities(
        name="ducklake",
        concurrent_readers=True,
        time_travel=True,
        needs_compaction=True,
        notes=("one writer at a time; readers never wait",),
    )

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

    def ensure(self, venues: Sequence[str]) -> None:
        """Create what tables are missing, so that readers find them, empty or not."""
        tables = [raw_table(venue, dataset) for venue in venues for dataset in venue_datasets()]
        self._ensure_tables([*COMMON_TABLES, *tables])

    # -- writing ---------------------------------------------------------------------------------

    @metered(statements.commit)
    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction; a value that differs goes to ops.revisions first."""
        self._refuse_when_read_only()
        table = raw_table(batch.venue, batch.dataset)
        # All that can be done or refused without the lock comes before it.
        rows = as_stored(table, batch.rows)
        versions = instruments.is_slowly_changing(batch.dataset)
        key = instruments.IDENTITY if versions else batch.dataset.key
        refuse_duplicates(batch.dataset, rows, key)
        outcomes.check_outcomes(batch.series)
        now = datetime.now(UTC)
        rejects = quarantine.quarantine_rows(batch, now)
        asked = ledger.request_rows(batch.requests)
        self._ensure_tables([*COMMON_TABLES, table])
        store = instruments.store_versions if versions else store_rows

        def transaction(connection: duckdb.DuckDBPyConnection) -> Committed:
            stored = store(connection, table, batch, rows)
            gaps_changed = outcomes.store_outcomes(connection, batch, now)
            changes.record_change(connection, batch, stored, gaps_changed)
            held = quarantine.store_quarantine(connection, batch, rejects)
            quarantine.store_decisions(connection, batch.decisions)
            ledger.store_requests(connection, asked)
            return replace(stored, quarantined=held)

        doing = f"Storing {batch.venue} {batch.dataset.name} {batch.interval}".rstrip()
        return self._write(doing, transaction)

    @metered(statements.decide)
    def decide(self, decisions: Sequence[Decision]) -> int:
        """Note decisions that store no row; how many rows of the quarantine that changed."""
        self._refuse_when_read_only()
        return self._write(
            "Deciding about the quarantine",
            lambda connection: quarantine.store_decisions(connection, decisions),
        )

    @contextlib.contextmanager
    def writing_alone(self, doing: str) -> Iterator[None]:
        """Hold the writer lock, for work on the store that does not go through `commit`.

        Do not commit inside: that would wait for this very lock.
        """
        with self._session.locked(doing):
            yield

    # -- reading ---------------------------------------------------------------------------------

    @metered(statements.covered)
    def covered(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Window]]:
        """For each symbol the parts of `window` that are known to be complete."""
        names = list(symbols)
        with self._session.reading("Reading what is covered") as cursor:
            series = of_series(venue, dataset, interval, names)
            return reading.read_covered(cursor, series, names, window)

    @metered(statements.gaps)
    def gaps(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Gap]]:
        """For each symbol what is recorded as absent inside `window`, clipped to it."""
        names = list(symbols)
        with self._session.reading("Reading what is absent") as cursor:
            series = of_series(venue, dataset, interval, names)
            return reading.read_gaps(cursor, series, names, window)

    @metered(statements.read)
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
                window=window,
            )

    @metered(statements.read_as_of)
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
        asked = as_of.Asked(venue, dataset, moment, interval, tuple(symbols), window)
        with self._session.reading(f"Reading {venue} {dataset.name} of the past") as cursor:
            return as_of.read_as_of(cursor, asked)

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

    @metered(statements.quarantined)
    def quarantined(self, **which: Unpack[QuarantineFilters]) -> list[QuarantineEntry]:
        """Rows of the quarantine that fit, the newest first."""
        with self._session.reading("Looking into the quarantine") as cursor:
            return quarantine.find_entries(cursor, **which)

    @metered(statements.quarantined)
    def quarantine_entries(self, prefixes: Sequence[str]) -> list[QuarantineEntry]:
        """The rows whose ids begin so; a prefix that names none or several is refused."""
        with self._session.reading("Looking into the quarantine") as cursor:
            return quarantine.entries_named(cursor, prefixes)

    @metered(statements.accepted)
    def accepted(self, venue: str, dataset: Dataset) -> frozenset[str]:
        """Ids of the rows that were released: they are good however often they are read."""
        with self._session.reading("Reading what was released") as cursor:
            return quarantine.accepted_ids(cursor, venue, dataset)

    @metered(statements.accepted)
    def accepted_keys(
        self, venue: str, dataset: Dataset, window: Window | None = None
    ) -> dict[tuple[str, str, int], frozenset[str]]:
        """(symbol, interval, milliseconds) of released rows -> the rules that they break."""
        with self._session.reading("Reading what was released") as cursor:
            return quarantine.accepted_keys(cursor, venue, dataset, window)

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

    def close(self) -> None:
        """Let go of the files. The warehouse may be used again: it connects anew."""
        self._session.close()

    def __enter__(self) -> DuckLakeWarehouse:
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
            self._session.ensure(unknown)
            self._ready.update(table.qualified for table in unknown)
