"""Transactions and reads on one warehouse folder: lock, begin, retry, roll back, reconnect."""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from market_assets.warehouse import faults
from market_assets.warehouse.catalog import has_log, remove_catalog
from market_assets.warehouse.connection import connect, connect_sandboxed
from market_assets.warehouse.ddl import (
    StoredTable,
    create_missing,
    is_complete,
    stored_columns,
)
from market_assets.warehouse.layout import Layout
from market_assets.warehouse.link import Link
from market_assets.warehouse.locking import writer_lock
from market_assets.warehouse.sql import LAKE
from market_assets.warehouse.statistics import write_statistics

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

_RETRY_FOR_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class Session:
    """The connections of one process to one warehouse; they are made when first needed."""

    def __init__(self, layout: Layout, *, lock_timeout_seconds: float, read_only: bool) -> None:
        self.layout = layout
        self.read_only = read_only
        self._lock_timeout_seconds = lock_timeout_seconds
        self._writer = Link(layout, connect)
        self._sandbox = Link(layout, connect_sandboxed)

    @property
    def place(self) -> str:
        return f"at {self.layout.root}"

    # -- reading ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(
        self,
        doing: str,
        label: str = "read",  # noqa: ARG002
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own (threads may read side by side), with the store's errors explained.

        No lock is taken, and each statement sees the last commit before it. Nobody is billed for
        `label` here: `metered` says what a method would cost. Tables are named in full: USE is a
        look into the catalog (2 of the 7 ms that a small read takes).
        """
        with self._explaining(doing), contextlib.closing(self._reader.connected().cursor()) as own:
            yield own

    @contextlib.contextmanager
    def asking(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """The same for SQL that names tables without the lake, as `ops.gaps`."""
        with self.reading(doing) as cursor:
            cursor.execute(f"USE {LAKE}")
            yield cursor

    @contextlib.contextmanager
    def sandboxed(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only cursor for SQL that we did not write."""
        connected = self._sandbox.connected
        with self._explaining(doing), contextlib.closing(connected().cursor()) as cursor:
            cursor.execute(f"USE {LAKE}")
            yield cursor

    # -- writing ---------------------------------------------------------------------------------

    def write(self, doing: str, action: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Run `action` in one transaction under the writer lock, again while others are in the way.

        The lock comes before BEGIN: a transaction that began earlier would not see what the
        holder before us wrote.
        """
        with self.locked(doing):
            return self.retrying(doing, action)

    @contextlib.contextmanager
    def locked(self, doing: str) -> Iterator[None]:
        """The writer lock, with the folder's troubles explained."""
        with self._explaining(doing):
            self.layout.root.mkdir(parents=True, exist_ok=True)
            with writer_lock(self.layout.lock, self._lock_timeout_seconds):
                yield

    def ensure(self, tables: Sequence[StoredTable]) -> None:
        """Make sure that the catalog and the tables exist; cheap when they do."""
        doing = f"Preparing the warehouse at {self.layout.root}"
        if self.layout.exists:
            with self.reading(doing) as cursor:
                stored = stored_columns(cursor)
            if all(is_complete(stored, table) for table in tables):
                return
        with self.locked(doing):
            if not self.layout.exists:
                self._create_catalog(tables)
            else:
                self.retrying(doing, lambda connection: create_missing(connection, tables))

    def retrying(
        self,
        doing: str,
        action: Callable[[duckdb.DuckDBPyConnection], T],
        *,
        transaction: bool = True,
    ) -> T:
        """Run `action` under a lock that the caller holds, until nothing is in its way.

        `transaction=False` is for calls that are transactions of their own (maintenance).
        """
        import duckdb

        began = time.monotonic()
        for attempt in itertools.count():
            try:
                connection = self._writer.connected()
                return _transact(connection, action) if transaction else action(connection)
            except duckdb.Error as error:
                if not faults.is_contention(error):
                    # DuckDB refuses further work after some errors: begin afresh next time.
                    self._writer.close()
                    raise
                waited = time.monotonic() - began
                if waited > _RETRY_FOR_SECONDS:
                    raise faults.busy(error, doing, self.layout.root, waited) from error
                # Full jitter: those who collided do not meet again.
                pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
                time.sleep(random.uniform(0, pause))
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._writer.close()
        self._sandbox.close()

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _reader(self) -> Link:
        # Who only reads needs one connection, and the strict one will do.
        return self._sandbox if self.read_only else self._writer

    def _create_catalog(self, tables: Sequence[StoredTable]) -> None:
        """Build the catalog beside its place and rename it in: it is whole or it is not there."""
        self.layout.data.mkdir(exist_ok=True)
        draft = self.layout.root / "catalog.draft.sqlite"
        remove_catalog(draft)  # of a process that was killed here
        connection = connect(self.layout, catalog=draft, create=True)
        try:
            connection.execute("BEGIN")
            create_missing(connection, tables)
            connection.execute("COMMIT")
            write_statistics(connection)
        finally:
            connection.close()
        # SQLite folds its log in when the last connection closes. Renaming would lose one.
        if has_log(draft):
            raise RuntimeError(f"{draft} is still open somewhere")
        draft.rename(self.layout.catalog)

    @contextlib.contextmanager
    def _explaining(self, doing: str) -> Iterator[None]:
        import duckdb

        try:
            yield
        except (duckdb.Error, sqlite3.Error, OSError) as error:
            explained = faults.explained(error, doing, self.layout.root)
            if explained is None:
                raise
            raise explained from error


def _transact(
    connection: duckdb.DuckDBPyConnection, action: Callable[[duckdb.DuckDBPyConnection], T]
) -> T:
    import duckdb

    connection.execute("BEGIN")
    try:
        result = action(connection)
        connection.execute("COMMIT")
    except BaseException:
        # A failed COMMIT has rolled back by itself; then there is nothing left to roll back.
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
    return result
