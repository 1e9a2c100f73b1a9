"""Which tables there are, how large they are, and the disk that they are on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.warehouse.sql import LAKE
from market_assets.watch.store import rows_of

if TYPE_CHECKING:
    from market_assets.warehouse.ducklake import DuckLakeWarehouse

_CATALOG = f"__ducklake_metadata_{LAKE}"


@dataclass(frozen=True, slots=True)
class TableSize:
    """A stored table as the lake's catalog counts it."""

    rows: int
    bytes: int


def table_sizes(warehouse: DuckLakeWarehouse) -> Mapping[str, TableSize]:
    """`raw.binance_ohlcv` -> its size: the numbers of the mart ops_storage_and_cost.

    Asked of the catalog (10 ms); DuckDB's own list of tables costs 150 ms after every commit.
    """
    counted = (
        f"SELECT table_id, sum({{count}}) AS n, sum(file_size_bytes) AS bytes FROM {_CATALOG}."
        "{files} WHERE end_snapshot IS NULL GROUP BY table_id"
    )
    rows = rows_of(
        warehouse,
        "SELECT s.schema_name || '.' || t.table_name AS name,"
        " CAST(coalesce(f.n, 0) - coalesce(d.n, 0) AS BIGINT) AS rows,"
        " CAST(coalesce(f.bytes, 0) + coalesce(d.bytes, 0) AS BIGINT) AS bytes"
        f" FROM {_CATALOG}.ducklake_table t JOIN {_CATALOG}.ducklake_schema s"
        " ON t.schema_id = s.schema_id AND s.end_snapshot IS NULL"
        f" LEFT JOIN ({counted.format(count='record_count', files='ducklake_data_file')}) f"
        " ON t.table_id = f.table_id"
        f" LEFT JOIN ({counted.format(count='delete_count', files='ducklake_delete_file')}) d"
        " ON t.table_id = d.table_id WHERE t.end_snapshot IS NULL",
    )
    return {row["name"]: TableSize(row["rows"], row["bytes"]) for row in rows}


def disk_space(folder: Path) -> tuple[int, int]:
    """Bytes free for us and bytes in all, of the disk that holds the folder or will hold it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total
