"""A window of a dataset as a file."""

# No `from __future__ import annotations` here: Dagster reads the types of the config.
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dagster as dg
from pydantic import Field

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import DATASETS, OHLCV
from market_assets.schemas.timeline import Window
from market_assets.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.warehouse.protocol import Warehouse

DOING = "Exporting"


class Export(dg.Config):
    """What to export, and where to."""

    venue: str
    dataset: str = "ohlcv"
    # Candle length, for ohlcv.
    interval: str = "1h"
    # Empty is all symbols.
    symbols: list[str] = Field(default_factory=list)
    # [start, end) in UTC, as 2026-01-31 or 2026-01-31T07:00.
    start: str
    end: str
    format: str = "parquet"
    # Empty is a file named after its content in <state_dir>/exports.
    target: str = ""


def write(config: Export, settings: Settings, warehouse: "Warehouse") -> tuple[Path, int]:
    """The file, which appears when it is complete, and how many rows it has."""
    for what, given, known in (
        ("venue", config.venue, list(settings.venues)),
        ("dataset", config.dataset, list(DATASETS)),
        ("format", config.format, ["parquet", "csv"]),
    ):
        if given not in known:
            problem = f"there is no {what} {given!r}"
            raise RequestInvalid(DOING, problem, f"Name one of {', '.join(known)}")
    dataset = DATASETS[config.dataset]
    window = Window(_moment("start", config.start), _moment("end", config.end))
    interval = config.interval if dataset is OHLCV else ""
    table = warehouse.read(
        config.venue, dataset, interval=interval, symbols=config.symbols, window=window
    )
    parts = (config.venue, dataset.name, interval, config.start, config.end)
    name = "_".join(part.replace(":", "") for part in parts if part)
    target = Path(config.target or settings.state_dir / "exports" / f"{name}.{config.format}")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.partial")
    try:
        _write(table, draft, "csv" if config.format == "csv" else "parquet")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target.absolute(), table.num_rows


def _write(table: "pa.Table", file: Path, kind: Literal["parquet", "csv"]) -> None:
    if kind == "csv":
        from pyarrow import csv

        csv.write_csv(table, file)
        return
    from pyarrow import parquet

    parquet.write_table(table, file, compression="zstd")


def _moment(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestInvalid(
            DOING, f"{name}: {text!r} is no time", "Write 2026-01-31 or 2026-01-31T07:00 (UTC)"
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
