"""What every engine brings along, so that the operations of the contract are written once.

An engine is these parts put together: `row_store`, `records`, `alert_records`, and its own files
for what it asks, costs and keeps. `protocol` says what comes of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, TypeVar

from market_assets.schemas.timeline import Window
from market_assets.warehouse.ddl import StoredTable, raw_table, venue_datasets
from market_assets.warehouse.estimate import Statement
from market_assets.warehouse.sql import Connection
from market_assets.warehouse.tables import COMMON_TABLES

T = TypeVar("T")


class EngineSession(Protocol):
    """How a store is reached; the engine's errors come out of it explained."""

    read_only: bool

    @property
    def place(self) -> str:
        """Where the store is, as it is said in errors."""

    def reading(self, doing: str, label: str = "read") -> AbstractContextManager[Connection]:
        """A place to ask questions; whoever is billed is billed for `label`."""

    def close(self) -> None:
        """Let go of what is held; it connects anew."""


class Engine(ABC):
    """One opened store."""

    _session: EngineSession
    # The tables that this process has seen to.
    _ready: set[str]

    @abstractmethod
    def note(self, statements: Iterable[Statement]) -> None:
        """Keep what was issued, on an engine that does not bill by itself."""

    def ensure(self, venues: Sequence[str]) -> None:
        """Create what tables are missing, so that readers find them, empty or not."""
        tables = [raw_table(venue, dataset) for venue in venues for dataset in venue_datasets()]
        self._ensure_tables([*COMMON_TABLES, *tables])

    def close(self) -> None:
        """Let go of what is held. The warehouse may be used again: it connects anew."""
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

    @abstractmethod
    def _write(
        self,
        doing: str,
        action: Callable[[Connection], T],
        *,
        table: StoredTable | None = None,
        label: str = "commit",
    ) -> T:
        """Run `action` in one transaction; `table` is the raw table that it is about."""

    @abstractmethod
    def _make(self, tables: Sequence[StoredTable]) -> None:
        """Create those of the tables that are missing."""

    def _ensure_tables(self, tables: Sequence[StoredTable]) -> None:
        unknown = [table for table in tables if table.qualified not in self._ready]
        if unknown:
            self._make(unknown)
            self._ready.update(table.qualified for table in unknown)

    def _bounded(self, window: Window | None) -> Window | None:
        """The window that is asked for; an engine may want a bound where there is none."""
        return window

    def _refuse_when_read_only(self) -> None:
        if self._session.read_only:
            raise RuntimeError(f"the warehouse {self._session.place} was opened read-only")
