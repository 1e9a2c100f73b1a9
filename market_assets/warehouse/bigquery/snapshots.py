"""What a backup on BigQuery is: snapshots of one moment, and a list of them that is written last.

All of them are in one dataset, `backups`, for two reasons: tables expire and datasets do not, so
that a dataset for each night would stay behind empty; and who writes may not make datasets.
https://cloud.google.com/bigquery/docs/table-snapshots-intro
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from market_assets.warehouse.bigquery.names import BACKUPS, Names

# The moment itself: 2026-11-21 03:35:00.123 UTC is 20261121T033500123Z.
_NAME = re.compile(r"(?:(?P<dataset>(?:[\w.:-]+\.)?\w+)\.)?(?P<name>\d{8}T\d{9}Z)")
_MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables of a backup are, whether there are any or not."""

    dataset: str  # acme-market-data.market_backups
    name: str

    @classmethod
    def of(cls, moment: datetime, names: Names) -> Place:
        name = f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03}Z"
        return cls(f"{names.project}.{names.dataset(BACKUPS)}", name)

    @classmethod
    def named(cls, given: str, names: Names) -> Place | None:
        """What somebody calls by its name, with its dataset and project or without."""
        found = _NAME.fullmatch(given)
        if found is None:
            return None
        dataset = found["dataset"] or names.dataset(BACKUPS)
        return cls(dataset if "." in dataset else f"{names.project}.{dataset}", found["name"])

    @property
    def path(self) -> str:
        """How it is named from anywhere."""
        return f"{self.dataset}.{self.name}"

    @property
    def moment(self) -> datetime:
        return datetime.strptime(self.name, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)

    @property
    def manifest(self) -> str:
        """The table that says what the backup consists of: there is none of a part of one."""
        return f"{self.path}_{_MANIFEST}"

    def snapshot(self, table: str) -> str:
        """The snapshot of `raw.binance_ohlcv`."""
        return f"{self.path}_{table.replace('.', '_', 1)}"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """A whole backup: its place, and the rows of each table as of its moment."""

    place: Place
    rows: Mapping[str, int]

    @property
    def created_at(self) -> str:
        return self.place.moment.isoformat()

    @property
    def counts(self) -> dict[str, int]:
        return {"warehouse_tables": len(self.rows), "warehouse_rows": sum(self.rows.values())}

    @property
    def in_words(self) -> str:
        rows = sum(self.rows.values())
        return f"{len(self.rows)} tables, {rows} rows, kept by BigQuery as {self.place.path}"


def whole_ones(listed: Mapping[str, object]) -> list[str]:
    """The names of the whole backups among a dataset's tables, the newest first."""
    ends = f"_{_MANIFEST}"
    return sorted(
        (table.removesuffix(ends) for table in listed if table.endswith(ends)), reverse=True
    )
