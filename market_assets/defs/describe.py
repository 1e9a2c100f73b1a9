"""What the UI tells about a raw asset: description, columns, code, owners, kinds, tags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from market_assets import ingest, venues
from market_assets.marts.project import SOURCE
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV, Dataset
from market_assets.schemas.timeline import DAY_MS
from market_assets.venues.registry import VENUES

if TYPE_CHECKING:
    from market_assets.marts.nodes import Mart
    from market_assets.settings import Settings, VenueSettings

OWNERS = ["team:market-data"]
_TYPES = {
    "timestamp": "timestamp (UTC)",
    "string": "string",
    "float": "double",
    "integer": "bigint",
    "boolean": "boolean",
}


def kinds(settings: Settings) -> set[str]:
    engine = settings.warehouse.engine
    return {"python", "duckdb" if engine == "ducklake" else engine}


def tags(venue: str, dataset: Dataset) -> dict[str, str]:
    return {"layer": "raw", "venue": venue, "dataset": dataset.name}


def description(venue: str, options: VenueSettings, dataset: Dataset) -> str:
    """What it holds, what a partition means, and what an operator should expect."""
    said = [f"{dataset.description}, from {venue}."]
    if dataset is OHLCV:
        said.append(f"Candle lengths: {', '.join(options.intervals)}.")
    if dataset is INSTRUMENTS:
        said.append(
            "A partition is a snapshot of a UTC day. Venues tell only what they list now: a"
            " backfill of earlier days stores today's list with a note."
        )
        return "\n\n".join(said)
    said.append(f"Symbols: {', '.join(options.symbols)}.")
    said.append(
        "A partition is one UTC hour. It is materialised when every symbol's part is stored or"
        " absent for a proven reason (no_trade, venue_outage, not_listed; see `ops.gaps`). A run"
        " that leaves something missing fails and names it; what it found is kept, and its"
        " complete hours are materialised. Hours before a listing hold no rows."
    )
    history = VENUES[venue].limits.funding_history_ms
    if dataset is FUNDING_RATES and history is not None:
        said.append(
            f"{venue} serves funding of the last {history // DAY_MS} days only: older hours fail"
            " and are named, because nothing can prove them empty."
        )
    return "\n\n".join(said)


def metadata(venue: str, dataset: Dataset) -> dict[str, Any]:
    """Column schema, table name, and links to the code that fills the table."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    column.name,
                    _TYPES[column.kind],
                    column.description,
                    dg.TableColumnConstraints(nullable=column.nullable),
                )
                for column in dataset.columns
            ],
            constraints=dg.TableConstraints(other=[f"unique: {', '.join(dataset.key)}"]),
        ),
        "dagster/table_name": f"raw.{venue}_{dataset.name}",
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[
                _code(Path(__file__).with_name("reading.py"), "the asset's body"),
                _code(Path(ingest.__file__).with_name("run.py"), "the ingest"),
                _code(Path(venues.__file__).with_name(f"{venue}.py"), f"{venue}'s dialect"),
            ]
        ),
    }


def mart_metadata(mart: Mart, docs_url: str) -> dict[str, Any]:
    """Column schema, table name, and links to the model's SQL and its page in dbt's docs."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name, column["data_type"] or "", column["description"])
                for name, column in mart.columns.items()
            ]
        ),
        "dagster/table_name": f"marts.{mart.name}",
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[_code(SOURCE / mart.file, "the model's SQL")]
        ),
        "dbt docs": dg.MetadataValue.url(f"{docs_url}#!/model/{mart.unique_id}"),
    }


def _code(file: Path, label: str) -> dg.LocalFileCodeReference:
    return dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=label)
