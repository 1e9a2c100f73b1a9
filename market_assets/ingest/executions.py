"""Bring files of a strategy's fills into the warehouse: every file again, as often as one likes.

A fill is known by its execution_id within its venue. The same again changes nothing, another value
is a correction (the old one goes to ops.revisions), and a row that breaks a rule goes to
raw.quarantine. Of several files the last by name has the last word about a fill, so that importing
a whole folder again and again does not turn values back and forth.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market_assets.errors import RequestInvalid
from market_assets.ingest.execution_files import Fill, files_in, read_file
from market_assets.ingest.released import Released
from market_assets.schemas import arrow
from market_assets.schemas.datasets import TRADE_EXECUTIONS
from market_assets.schemas.validation import validate
from market_assets.warehouse.contract import Batch, Committed, QuarantinedRow
from market_assets.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings

FOLDER = "executions"


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did, by venue."""

    files: tuple[Path, ...]
    rows: int
    by_venue: Mapping[str, Committed] = field(default_factory=dict)
    quarantined: int = 0
    quarantine_reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def inserted(self) -> int:
        return sum(done.inserted for done in self.by_venue.values())

    @property
    def corrected(self) -> int:
        return sum(done.corrected for done in self.by_venue.values())

    @property
    def unchanged(self) -> int:
        """Stored before as they are, or told more than once."""
        return self.rows - self.inserted - self.corrected - self.quarantined


def default_folder(settings: Settings) -> Path:
    """Where files are looked for when none are named."""
    return settings.state_dir / FOLDER


def import_executions(
    paths: Sequence[Path], settings: Settings, warehouse: Warehouse, run_id: str = ""
) -> ImportSummary:
    """Import files and all files of folders. All are read before the first row is stored."""
    files = tuple(
        f for path in paths for f in ([path] if path.is_file() or path.suffix else files_in(path))
    )
    told = [_of_known_venues(read_file(file), settings) for file in files]
    run_id = run_id or uuid.uuid4().hex[:16]
    done: dict[str, Committed] = {}
    rejected: list[QuarantinedRow] = []
    for venue, rows in _by_venue(_last_told(told)).items():
        good, bad = _judged(rows, Released(warehouse, venue))
        rejected += bad
        batch = Batch(venue, TRADE_EXECUTIONS, "", run_id, good, quarantined=bad)
        done[venue] = warehouse.commit(batch)
    reasons = Counter(reason for row in rejected for reason in row.reasons)
    return ImportSummary(files, sum(map(len, told)), done, len(rejected), dict(reasons))


def _of_known_venues(fills: list[Fill], settings: Settings) -> list[Fill]:
    """The fills of one file; a venue that is not known has no table to put them into."""
    known = [str(venue) for venue in settings.venues]
    for fill in fills:
        venue = fill.values["venue"]
        if venue not in known:
            raise RequestInvalid(
                "Reading executions",
                f"{fill.place} is of the venue {venue!r}, which is not known"
                if venue
                else f"{fill.place} names no venue",
                f"Venues are {', '.join(known)}. Nothing was stored",
            )
    return fills


def _last_told(told: Iterable[Sequence[Fill]]) -> list[Mapping[str, Any]]:
    """Each fill as the last file that names it has it, once; two of one file stay, to be judged."""
    last: dict[object, list[Mapping[str, Any]]] = {}
    for fills in told:
        of_file: dict[object, list[Mapping[str, Any]]] = {}
        for fill in fills:
            identity = fill.values["execution_id"]
            # Without an identity it is like no other.
            key = (fill.values["venue"], identity) if identity else fill.place
            rows = of_file.setdefault(key, [])
            if fill.values not in rows:
                rows.append(fill.values)
        last |= of_file
    return [row for rows in last.values() for row in rows]


def _by_venue(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["venue"]), []).append(row)
    return found


def _judged(
    rows: Sequence[Mapping[str, Any]], released: Released
) -> tuple[pa.Table, list[QuarantinedRow]]:
    table = arrow.table(rows, TRADE_EXECUTIONS.arrow_schema())
    result = validate(TRADE_EXECUTIONS, table)
    bad = [
        QuarantinedRow(
            row.row["symbol"] or "",
            row.row["timestamp"],
            row.reasons,
            json.dumps(dict(row.row), default=str, sort_keys=True),
        )
        for row in result.bad
    ]
    return released.sorted_out(TRADE_EXECUTIONS, table, result, bad)
