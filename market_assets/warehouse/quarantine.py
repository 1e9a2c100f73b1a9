"""Rows that broke rules: each is held once, until somebody decides; the decision stays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Unpack

from market_assets.errors import RequestInvalid
from market_assets.schemas import arrow
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import Window, to_micros, to_ms
from market_assets.warehouse.contract import (
    Batch,
    Decision,
    QuarantinedRow,
    QuarantineEntry,
    QuarantineFilters,
)
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import COMMIT_TIME, Connection, literal
from market_assets.warehouse.tables import QUARANTINE

if TYPE_CHECKING:
    import pyarrow as pa

HELD = "held"
# Fewer characters would sooner or later name another row than the one that was meant.
_SHORTEST_PREFIX = 4
_SHOWN = 12
# Who told a row, and when it was read, is no part of the row: it is the same one when the archive
# has it too, or when it is read again a day later.
_OF_THE_READING = ("ingestion_time", "is_backfill", "run_id", "source", "valid_from", "valid_to")

_COLUMNS = ("venue", "dataset", "symbol", "status")


def quarantine_id(venue: str, dataset: Dataset, interval: str, row: QuarantinedRow) -> str:
    """The same reject has the same identity in every run, so that re-reading holds it once."""
    said = [
        venue,
        dataset.name,
        interval,
        row.symbol,
        None if row.timestamp is None else to_micros(row.timestamp),
        _without_the_reading(row.payload),
        sorted(row.reasons),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def quarantine_rows(batch: Batch, now: datetime) -> pa.Table:
    """The batch's rejects as rows of raw.quarantine, each once."""
    rows: dict[str, dict[str, Any]] = {}
    for row in batch.quarantined:
        identity = quarantine_id(batch.venue, batch.dataset, batch.interval, row)
        rows[identity] = {
            "quarantine_id": identity,
            "venue": batch.venue,
            "dataset": batch.dataset.name,
            "interval": batch.interval,
            "symbol": row.symbol,
            "timestamp": row.timestamp,
            "reasons": ",".join(sorted(row.reasons)),
            "payload": row.payload,
            "run_id": batch.run_id,
            "quarantined_at": now,
            "status": HELD,
        }
    return arrow.table(list(rows.values()), QUARANTINE.arrow_schema())


def store_quarantine(connection: Connection, batch: Batch, rows: pa.Table) -> int:
    """Hold the rows that nobody has seen yet; how many that were."""
    if not rows.num_rows:
        return 0
    with registered(connection, "rejects", rows):
        [(count,)] = connection.execute(
            f"INSERT INTO {QUARANTINE.qualified} BY NAME"
            " SELECT * FROM rejects WHERE quarantine_id NOT IN"
            f" (SELECT quarantine_id FROM {QUARANTINE.qualified}"
            f" WHERE concat(venue) = {literal(batch.venue)})"
        ).fetchall()
    return int(count)


def store_decisions(connection: Connection, decisions: Iterable[Decision]) -> int:
    """Note what was decided, inside the caller's transaction; how many rows that changed.

    A release is final, because its row is stored; what was dropped may still be released.
    """
    by_words: dict[tuple[str, str], list[str]] = {}
    for decision in decisions:
        words = (decision.status, decision.because)
        by_words.setdefault(words, []).append(decision.quarantine_id)
    changed = 0
    for (status, because), ids in by_words.items():
        open_ones = "<> 'released'" if status == "released" else f"= {literal(HELD)}"
        [(count,)] = connection.execute(
            f"UPDATE {QUARANTINE.qualified} SET status = {literal(status)},"
            f" decided_at = {COMMIT_TIME}, decided_because = {literal(because)}"
            f" WHERE quarantine_id IN ({', '.join(map(literal, ids))}) AND status {open_ones}"
        ).fetchall()
        changed += int(count)
    return changed


def find_entries(
    connection: Connection, **which: Unpack[QuarantineFilters]
) -> list[QuarantineEntry]:
    """What fits, the newest first."""
    parts = [_named({name: which.get(name, "") for name in _COLUMNS})]
    if reason := which.get("reason"):
        parts.append(f"list_contains(string_split(reasons, ','), {literal(reason)})")
    if (window := which.get("window")) is not None:
        moment = 'epoch_ms(coalesce("timestamp", quarantined_at))'
        parts.append(f"{moment} >= {window.start} AND {moment} < {window.end}")
    return _entries(connection, " AND ".join(parts), which.get("limit"))


def entries_named(connection: Connection, prefixes: Sequence[str]) -> list[QuarantineEntry]:
    """The rows whose ids begin so, in the order asked, each once; every prefix names just one."""
    asked = [prefix.strip().lower() for prefix in prefixes]
    for prefix in asked:
        if len(prefix) < _SHORTEST_PREFIX:
            raise RequestInvalid(
                "Looking into the quarantine",
                f"{prefix!r} is too short to name a row",
                f"Give at least {_SHORTEST_PREFIX} characters of its id",
            )
    begins = " OR ".join(f"starts_with(quarantine_id, {literal(prefix)})" for prefix in asked)
    found = _entries(connection, begins or "false", None)
    named: dict[str, QuarantineEntry] = {}
    for prefix in asked:
        entry = _only_one(prefix, [e for e in found if e.quarantine_id.startswith(prefix)])
        named[entry.quarantine_id] = entry
    return list(named.values())


def accepted_ids(connection: Connection, venue: str, dataset: Dataset) -> frozenset[str]:
    """The rows of a dataset that were released."""
    rows = connection.execute(
        f"SELECT quarantine_id FROM {QUARANTINE.qualified} WHERE"
        f" {_named({'venue': venue, 'dataset': dataset.name, 'status': 'released'})}"
    ).fetchall()
    return frozenset(row[0] for row in rows)


def accepted_keys(
    connection: Connection, venue: str, dataset: Dataset, window: Window | None
) -> dict[tuple[str, str, int], frozenset[str]]:
    """(symbol, interval, moment) of the stored rows that were released -> the rules they break.

    A row without a time has the moment 0, and belongs to every window.
    """
    keys: dict[tuple[str, str, int], frozenset[str]] = {}
    for entry in find_entries(connection, venue=venue, dataset=dataset.name, status="released"):
        moment = 0 if entry.timestamp is None else to_ms(entry.timestamp)
        if entry.timestamp is None or window is None or moment in window:
            key = (entry.symbol, entry.interval, moment)
            keys[key] = keys.get(key, frozenset()).union(entry.reasons)
    return keys


def _entries(connection: Connection, where: str, limit: int | None) -> list[QuarantineEntry]:
    rows = (
        connection.execute(
            f"SELECT * FROM {QUARANTINE.qualified} WHERE {where}"
            ' ORDER BY quarantined_at DESC, symbol, "timestamp", quarantine_id'
            f"{'' if limit is None else f' LIMIT {int(limit)}'}"
        )
        .to_arrow_table()
        .to_pylist()
    )
    return [
        QuarantineEntry(
            quarantine_id=row["quarantine_id"],
            venue=row["venue"],
            dataset=row["dataset"],
            interval=row["interval"],
            symbol=row["symbol"],
            timestamp=_aware(row["timestamp"]),
            reasons=tuple(row["reasons"].split(",")),
            payload=row["payload"],
            run_id=row["run_id"],
            quarantined_at=row["quarantined_at"].replace(tzinfo=UTC),
            status=row["status"],
            # A store that was only read since these columns came has none.
            decided_at=_aware(row.get("decided_at")),
            decided_because=row.get("decided_because"),
        )
        for row in rows
    ]


def _only_one(prefix: str, found: Sequence[QuarantineEntry]) -> QuarantineEntry:
    if not found:
        raise RequestInvalid(
            "Looking into the quarantine",
            f"no row has an id that begins with {prefix!r}",
            "`market-assets quarantine list` shows what there is",
        )
    if len(found) > 1:
        ids = ", ".join(sorted(entry.quarantine_id[:_SHOWN] for entry in found)[:5])
        raise RequestInvalid(
            "Looking into the quarantine",
            f"{len(found)} rows have ids that begin with {prefix!r}: {ids}",
            "Give more of the id",
        )
    return found[0]


def _named(wanted: Mapping[str, object]) -> str:
    """A predicate for the columns that have to be just so.

    One expression: for each column that is named plainly the lake asks its catalog for statistics
    (10 ms of CPU), and there is nothing to skip in this table.
    """
    given = {name: str(value) for name, value in wanted.items() if value}
    values = literal("|".join(given.values()))
    return f"concat_ws('|', {', '.join(given)}) = {values}" if given else "true"


def _without_the_reading(payload: str) -> Any:
    try:
        said = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(said, dict):
        return payload
    row = {name: value for name, value in said.items() if name not in _OF_THE_READING}
    return json.dumps(row, sort_keys=True)


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
