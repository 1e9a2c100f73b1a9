"""What the bodies of assets and jobs work with, opened once a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from market_assets.warehouse import opening

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False) -> Iterator[Warehouse]:
    """The warehouse of the settings, closed again whatever happens."""
    store = opening.open_warehouse(settings, read_only=read_only)
    try:
        yield store
    finally:
        store.close()
