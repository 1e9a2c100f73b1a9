"""The warehouse as the watch reads it: held open between looks, and not at all if nothing changed.

Loading DuckDB's extensions costs 0.9 s of CPU for every new instance (duckdb 1.5.5), ten times what
a look reads. Held open, it grows by 0.1 MB with every commit that it sees, so it is renewed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from market_assets.warehouse.layout import Layout
from market_assets.warehouse.metering import charged_to

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.ducklake import DuckLakeWarehouse

_LOOKS_PER_OPENING = 100

Row = dict[str, Any]


class HeldWarehouse:
    """A reader of one warehouse folder that stays open."""

    def __init__(self, settings: Settings) -> None:
        self._layout = Layout(settings.warehouse.path.absolute())
        self._settings = settings
        self._held: DuckLakeWarehouse | None = None
        self._looks = 0
        self._lock = threading.Lock()

    @property
    def written_at(self) -> int:
        """When anybody wrote last, told by files alone."""
        return self._layout.written_at

    @property
    def exists(self) -> bool:
        return self._layout.exists

    @contextmanager
    def opened(self) -> Iterator[DuckLakeWarehouse]:
        """The open warehouse, for one look."""
        from market_assets.warehouse.ducklake import DuckLakeWarehouse
        from market_assets.warehouse.estimate import Prices

        with self._lock, charged_to(label="watch"):
            if self._looks >= _LOOKS_PER_OPENING:
                self.close()
            if self._held is None:
                self._held = DuckLakeWarehouse(
                    self._layout.root, read_only=True, prices=Prices.of(self._settings)
                )
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


def rows_of(warehouse: DuckLakeWarehouse, sql: str) -> list[Row]:
    """The answer as plain rows; times in it are asked for in milliseconds."""
    rows: list[Row] = warehouse.query(sql).to_pylist()
    return rows
