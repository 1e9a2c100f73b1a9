"""What every warehouse engine can do: callers know this, and never which engine it is.

Opened by `opening.open_warehouse`. Where engines differ, callers ask `capabilities`, or an
operation whose answer makes sense on each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, Unpack

from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
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
from market_assets.warehouse.parts import Parts
from market_assets.warehouse.protocol_records import KeptAlerts, KeptCosts, KeptRecords

if TYPE_CHECKING:
    import pyarrow as pa


class KeptRows(Protocol):
    """Canonical rows, what is known about their absence, and the rows that broke rules."""

    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction; a value that differs goes to ops.revisions first."""

    def covered(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Window]]:
        """For each symbol the parts of `window` that are known to be complete."""

    def gaps(
        self, venue: str, dataset: Dataset, interval: str, symbols: Iterable[str], window: Window
    ) -> dict[str, list[Gap]]:
        """For each symbol what is recorded as absent inside `window`, clipped to it."""

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
        """The same by the engine's own snapshots, where it has them (`time_travel`)."""

    def quarantined(self, **which: Unpack[QuarantineFilters]) -> list[QuarantineEntry]:
        """Rows of the quarantine that fit, the newest first."""

    def quarantine_entries(self, prefixes: Sequence[str]) -> list[QuarantineEntry]:
        """The rows whose ids begin so; a prefix that names none or several is refused."""

    def decide(self, decisions: Sequence[Decision]) -> int:
        """Note decisions that store no row; how many rows of the quarantine that changed."""

    def accepted(self, venue: str, dataset: Dataset) -> frozenset[str]:
        """Ids of the rows that were released: they are good however often they are read."""

    def accepted_keys(
        self, venue: str, dataset: Dataset, window: Window | None = None
    ) -> dict[tuple[str, str, int], frozenset[str]]:
        """(symbol, interval, milliseconds) of released rows -> the rules that they break."""

    def coverage_by_day(
        self,
        *,
        venues: Collection[str] = (),
        datasets: Collection[str] = (),
        window: Window | None = None,
    ) -> pa.Table:
        """Rows stored and gaps by reason for venue, dataset, interval, symbol and day."""


class Warehouse(KeptRows, KeptRecords, KeptAlerts, KeptCosts, Protocol):
    """One store. Open it once a run: connecting costs more than a query."""

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do."""

    # -- asking ----------------------------------------------------------------------------------

    def ask(self, sql: str) -> pa.Table:
        """One SELECT of the platform's own, in DuckDB's dialect whatever the engine speaks.

        Tables are `raw.x`, `ops.x` and `marts.x`. Times in it are UTC.
        """

    def query(self, sql: str) -> pa.Table:
        """One read-only statement of somebody else, in the engine's own dialect."""

    def tables(self) -> frozenset[str]:
        """Every table and view that is there, as `raw.binance_ohlcv`."""

    def table_sizes(self) -> Mapping[str, TableSize]:
        """The tables (no views) with their rows and stored bytes; costs no query."""

    def version(self) -> int:
        """A number that is another one after anybody wrote; 0 before the first. Costs no query."""

    def parts(self) -> Parts:
        """The tables by parts of time, as copies to another engine take them."""

    # -- keeping ---------------------------------------------------------------------------------

    def ensure(self, venues: Sequence[str]) -> None:
        """Create what tables are missing, so that readers find them, empty or not."""

    def writing_alone(self, doing: str) -> AbstractContextManager[datetime]:
        """While it is held, every commit that began before is visible and no other is underway.

        Its begin by the clock that stamps commits: what is not visible yet is stamped later.

        Do not commit inside. An engine without a writer's lock waits for nobody.
        """

    def maintain(
        self, *, retention_days: int | None = None, snapshot_days: float = 7
    ) -> Maintained:
        """Compact small files, drop old snapshots, and expire rows past retention."""

    def close(self) -> None:
        """Let go of what is held. It may be used again: it connects anew."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
