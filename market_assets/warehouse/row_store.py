"""Rows, what is known about their absence, and the quarantine: the contract on every engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Unpack

from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse import (
    as_of,
    changes,
    instruments,
    ledger,
    outcomes,
    quarantine,
    reading,
    statements,
)
from market_assets.warehouse.contract import (
    Batch,
    Committed,
    Decision,
    Gap,
    QuarantineEntry,
    QuarantineFilters,
)
from market_assets.warehouse.ddl import StoredTable, raw_table
from market_assets.warehouse.engine import Engine
from market_assets.warehouse.incoming import as_stored, refuse_duplicates
from market_assets.warehouse.metering import metered
from market_assets.warehouse.outcomes import of_series
from market_assets.warehouse.sql import Connection
from market_assets.warehouse.tables import COMMON_TABLES

if TYPE_CHECKING:
    import pyarrow as pa


class RowStore(Engine):
    """The part of a warehouse that holds canonical rows."""

    # -- writing ---------------------------------------------------------------------------------

    @metered(statements.commit)
    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction; a value that differs goes to ops.revisions first."""
        self._refuse_when_read_only()
        table = raw_table(batch.venue, batch.dataset)
        # All that can be done or refused outside of the transaction comes before it.
        rows = as_stored(table, batch.rows)
        has_versions = instruments.is_slowly_changing(batch.dataset)
        key = instruments.IDENTITY if has_versions else batch.dataset.key
        refuse_duplicates(batch.dataset, rows, key)
        self._refuse_rows(table, rows)
        outcomes.check_outcomes(batch.series)
        now = datetime.now(UTC)
        rejects = quarantine.quarantine_rows(batch, now)
        asked = ledger.request_rows(batch.requests)
        self._ensure_tables([*COMMON_TABLES, table])

        def transaction(connection: Connection) -> Committed:
            stored = self._store(connection, table, batch, rows)
            gaps_changed = outcomes.store_outcomes(connection, batch, now)
            changes.record_change(connection, batch, stored, gaps_changed)
            held = quarantine.store_quarantine(connection, batch, rejects)
            quarantine.store_decisions(connection, batch.decisions)
            ledger.store_requests(connection, asked)
            return replace(stored, quarantined=held)

        doing = f"Storing {batch.venue} {batch.dataset.name} {batch.interval}".rstrip()
        return self._write(doing, transaction, table=table)

    @metered(statements.decide)
    def decide(self, decisions: Sequence[Decision]) -> int:
        """Note decisions that store no row; how many rows of the quarantine that changed."""
        return self._write(
            "Deciding about the quarantine",
            lambda connection: quarantine.store_decisions(connection, decisions),
            label="decide",
        )

    # -- reading ---------------------------------------------------------------------------------

    @metered(statements.covered)
    def covered(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Window]]:
        """For each symbol the parts of `window` that are known to be complete."""
        names = list(symbols)
        with self._session.reading("Reading what is covered", "covered") as cursor:
            series = of_series(venue, dataset, interval, names)
            return reading.read_covered(cursor, series, names, window)

    @metered(statements.gaps)
    def gaps(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Gap]]:
        """For each symbol what is recorded as absent inside `window`, clipped to it."""
        names = list(symbols)
        with self._session.reading("Reading what is absent", "gaps") as cursor:
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
                window=self._bounded(window),
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
        window = self._bounded(window)
        asked = as_of.Asked(venue, dataset, moment, interval, tuple(symbols), window)
        with self._session.reading(f"Reading {venue} {dataset.name} of the past") as cursor:
            return as_of.read_as_of(cursor, asked)

    @metered(statements.quarantined)
    def quarantined(self, **which: Unpack[QuarantineFilters]) -> list[QuarantineEntry]:
        """Rows of the quarantine that fit, the newest first."""
        with self._session.reading("Looking into the quarantine", "quarantine") as cursor:
            return quarantine.find_entries(cursor, **which)

    @metered(statements.quarantined)
    def quarantine_entries(self, prefixes: Sequence[str]) -> list[QuarantineEntry]:
        """The rows whose ids begin so; a prefix that names none or several is refused."""
        with self._session.reading("Looking into the quarantine", "quarantine") as cursor:
            return quarantine.entries_named(cursor, prefixes)

    @metered(statements.accepted)
    def accepted(self, venue: str, dataset: Dataset) -> frozenset[str]:
        """Ids of the rows that were released: they are good however often they are read."""
        with self._session.reading("Reading what was released", "quarantine") as cursor:
            return quarantine.accepted_ids(cursor, venue, dataset)

    @metered(statements.accepted)
    def accepted_keys(
        self, venue: str, dataset: Dataset, window: Window | None = None
    ) -> dict[tuple[str, str, int], frozenset[str]]:
        """(symbol, interval, milliseconds) of released rows -> the rules that they break."""
        with self._session.reading("Reading what was released", "quarantine") as cursor:
            return quarantine.accepted_keys(cursor, venue, dataset, window)

    # -- inside ----------------------------------------------------------------------------------

    @abstractmethod
    def _store(
        self, connection: Any, table: StoredTable, batch: Batch, rows: pa.Table
    ) -> Committed:
        """Tell new rows, corrections and known ones apart, and store them: each engine's own way.

        The connection is the one that this engine's `_write` hands on.
        """

    def _refuse_rows(self, table: StoredTable, rows: pa.Table) -> None:
        """Refuse what the engine would refuse only at the end of the transaction."""
