"""The warehouse as the watch reads it: held open between looks, and not at all if nothing changed.

Loading DuckDB's extensions costs 0.9 s of CPU for every new instance (duckdb 1.5.5), ten times what
a look reads. Held open, it grows by 0.1 MB with every commit that it sees, so it is renewed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from market_assets.warehouse.metering import charged_to
from market_assets.warehouse.opening import is_there, open_warehouse, version

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

_LOOKS_PER_OPENING = 100

Row = dict[str, Any]


class HeldWarehouse:
    """A reader of one warehouse that stays open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held: Warehouse | None = None
        self._looks = 0
        self._lock = threading.Lock()

    @property
    def written_at(self) -> int:
        """Another number after anybody wrote: told by files, or by BigQuery's metadata."""
        # What is open has its client at hand. Without the lock: a look that holds it may ask.
        held = self._held
        return version(self._settings) if held is None else held.version()

    @property
    def exists(self) -> bool:
        return is_there(self._settings)

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        """The open warehouse, for one look."""
        with self._lock, charged_to(label="watch"):
            if self._looks >= _LOOKS_PER_OPENING:
                self.close()
            if self._held is None:
                self._held = open_warehouse(self._settings, read_only=True)
            self._looks += 1
            try:
                yield self._held
            except BaseException:
                # Whatever is wrong with it, the next look begins afresh.
                self.close()
                raise

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
        self._held, self._looks = None, 0


def rows_of(warehouse: Warehouse, sql: str) -> list[Row]:
    """The answer as plain rows; times in it are asked for in milliseconds."""
    rows: list[Row] = warehouse.ask(sql).to_pylist()
    return rows
