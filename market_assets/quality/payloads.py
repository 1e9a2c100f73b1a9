"""From a held row's payload back to the row that it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from market_assets.schemas.datasets import DATASETS, Column, Kind
from market_assets.warehouse.contract import QuarantineEntry

_PYTHON: Mapping[Kind, type | tuple[type, ...]] = {
    "string": str,
    "float": (int, float),
    "integer": int,
    "boolean": bool,
}


class PayloadUnreadable(ValueError):
    """The payload is no row of its dataset; the message says why."""


def row_of(entry: QuarantineEntry, run_id: str) -> dict[str, Any]:
    """The row in canonical columns, as `run_id` would store it now."""
    if entry.dataset not in DATASETS:
        raise PayloadUnreadable(f"there is no dataset {entry.dataset}")
    try:
        said = json.loads(entry.payload)
    except ValueError as error:
        raise PayloadUnreadable(f"the payload is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise PayloadUnreadable("the payload is a page's row as the venue sent it")
    # The reading itself is no part of the payload.
    said = said | {"run_id": run_id, "ingestion_time": str(datetime.now(UTC))}
    columns = DATASETS[entry.dataset].columns
    unknown = sorted(said.keys() - {c.name for c in columns} - {"run_id", "ingestion_time"})
    if unknown:
        raise PayloadUnreadable(f"{entry.dataset} has no column {unknown[0]}")
    return {column.name: _value(column, said.get(column.name)) for column in columns}


def _value(column: Column, said: Any) -> Any:
    if said is None:
        return None
    if column.kind == "timestamp":
        try:
            return datetime.fromisoformat(said)
        except (TypeError, ValueError) as error:
            raise PayloadUnreadable(f"{column.name} is no time: {said!r}") from error
    # JSON's true is an int for Python.
    fits = isinstance(said, _PYTHON[column.kind]) and (
        column.kind == "boolean" or not isinstance(said, bool)
    )
    if not fits:
        raise PayloadUnreadable(f"{column.name} is no {column.kind}: {said!r}")
    return said
