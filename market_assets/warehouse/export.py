"""Write a window of a dataset to one Parquet or CSV file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from market_assets.errors import RequestInvalid, WarehouseUnwritable
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window
from market_assets.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["parquet", "csv"]


def format_of(path: Path) -> Format:
    """The format that a file's name asks for."""
    ending = path.suffix.removeprefix(".").lower()
    if ending == "parquet":
        return "parquet"
    if ending == "csv":
        return "csv"
    raise RequestInvalid(
        "Exporting",
        f"{path.name} ends in neither of .{', .'.join(get_args(Format))}",
        "Name the file something.parquet or something.csv",
    )


def export(
    warehouse: Warehouse,
    path: Path,
    venue: str,
    dataset: Dataset,
    *,
    interval: str = "",
    symbols: Iterable[str] = (),
    window: Window | None = None,
) -> int:
    """The number of rows written."""
    format_of(path)
    return write(
        warehouse.read(venue, dataset, interval=interval, symbols=symbols, window=window), path
    )


def write(table: pa.Table, path: Path) -> int:
    """The number of rows written. A file of that name is replaced when the new one is complete."""
    from pyarrow import csv, parquet

    kind = format_of(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "parquet":
            parquet.write_table(table, unfinished, compression="zstd")
        else:
            csv.write_csv(table, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise WarehouseUnwritable(
            f"Exporting to {path}",
            str(error),
            "Name a folder that can be written to and has room",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return int(table.num_rows)
