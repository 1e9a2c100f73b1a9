"""What the bodies of assets and jobs work with, opened once a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.ducklake import DuckLakeWarehouse


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False) -> Iterator[DuckLakeWarehouse]:
    """The warehouse of the settings, closed again whatever happens."""
    # Loads duckdb and pyarrow, which the code location and most processes never need.
    from market_assets.warehouse.ducklake import DuckLakeWarehouse
    from market_assets.warehouse.estimate import Prices

    store = DuckLakeWarehouse(
        settings.warehouse.path,
        venues=tuple(settings.venues),
        lock_timeout_seconds=settings.warehouse.lock_timeout_seconds,
        read_only=read_only,
        prices=Prices.of(settings),
    )
    try:
        yield store
    finally:
        store.close()
