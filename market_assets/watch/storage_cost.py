"""What the tables cost to keep, by the price of active logical storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

GIB = 2**30


@dataclass(frozen=True, slots=True)
class StorageCost:
    """Logical bytes, as BigQuery counts them, and their price."""

    bytes: int
    dollars_per_month: float


def storage_cost(settings: Settings, warehouse: Warehouse) -> StorageCost:
    """What all rows cost to keep on BigQuery, whichever engine has them."""
    size = warehouse.logical_bytes()
    return StorageCost(size, dollars(size, settings.marts.storage_dollars_per_gib_month))


def dollars(size: float, dollars_per_gib_month: float) -> float:
    return size / GIB * dollars_per_gib_month
