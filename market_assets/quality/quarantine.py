"""Deciding on held rows: by a person's word, or by the rules of today after they changed.

A released row is stored although it broke rules, its slot counts as complete, and reading it again
finds it good. A dropped one is garbage: what is absent stays what it is.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from market_assets.errors import RequestInvalid
from market_assets.quality.payloads import PayloadUnreadable, row_of
from market_assets.schemas import arrow
from market_assets.schemas.datasets import DATASETS, FUNDING_RATES, OHLCV, Dataset
from market_assets.schemas.timeline import INTERVALS, MINUTE_MS, Window, to_ms
from market_assets.schemas.validation import DUPLICATE_KEY, NULL_VALUE, validate
from market_assets.warehouse.contract import (
    Batch,
    Committed,
    Decision,
    QuarantineEntry,
    SeriesOutcome,
)
from market_assets.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

MALFORMED = "malformed"
# Nobody's word can make these a row: it has no value, no number, no slot, or is two rows at once.
NOT_A_ROW = frozenset({NULL_VALUE, "not_finite", MALFORMED, DUPLICATE_KEY, "off_grid"})
PASSES_NOW = "passes the rules of today"
STORED_OTHERWISE = "stored_otherwise"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did: the rows that it changed, and those that were decided so before."""

    changed: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Revalidated:
    """How the rules of today judge the held rows: by table, and what still keeps the others."""

    held: int = 0
    released: int = 0
    stored: int = 0
    # table -> how many of its held rows pass
    passing: Mapping[str, int] = field(default_factory=dict)
    # reason -> rows that it still keeps; `stored_otherwise` is a row that a later one replaced
    kept: Mapping[str, int] = field(default_factory=dict)


def release(warehouse: Warehouse, ids: Sequence[str], because: str, *, run_id: str = "") -> Decided:
    """Store held (or dropped) rows because a person says that they are right.

    Row and decision are one transaction for each series; released again, nothing happens. Where
    another value is stored, the row is a correction of it.
    """
    because = _reason_given(because, "Releasing")
    entries = warehouse.quarantine_entries(ids)
    todo = [entry for entry in entries if entry.status != "released"]
    run_id = run_id or uuid.uuid4().hex[:16]
    rows = {entry.quarantine_id: _row_that_can_be(entry, run_id) for entry in todo}
    by_series = _by_series(todo)
    for dataset, series in by_series.items():
        _refuse_two_of_one_key(DATASETS[dataset[1]], series, rows)
    done = [
        _store(warehouse, series, [rows[e.quarantine_id] for e in series], because, run_id)
        for series in by_series.values()
    ]
    return Decided(
        changed=tuple(entry.quarantine_id for entry in todo),
        already=tuple(e.quarantine_id for e in entries if e.status == "released"),
        inserted=sum(committed.inserted for committed in done),
        corrected=sum(committed.corrected for committed in done),
        unchanged=sum(committed.unchanged for committed in done),
    )


def drop(warehouse: Warehouse, ids: Sequence[str], because: str) -> Decided:
    """Decide that held rows are garbage. A released row is stored: it cannot be dropped."""
    because = _reason_given(because, "Dropping")
    entries = warehouse.quarantine_entries(ids)
    for entry in entries:
        if entry.status == "released":
            raise RequestInvalid(
                f"Dropping {entry.quarantine_id[:12]}",
                f"it was released on {entry.decided_at:%Y-%m-%d %H:%M}"
                f" ({entry.decided_because}), and its row is stored",
                "Leave it out. A value that a re-read finds otherwise replaces it",
            )
    held = [entry.quarantine_id for entry in entries if entry.status == "held"]
    warehouse.decide([Decision(identity, "dropped", because) for identity in held])
    already = tuple(e.quarantine_id for e in entries if e.status == "dropped")
    return Decided(changed=tuple(held), already=already)


def revalidate(
    warehouse: Warehouse,
    *,
    venue: str = "",
    dataset: str = "",
    dry_run: bool = False,
    run_id: str = "",
) -> Revalidated:
    """Judge every held row by the rules of today; store those that pass, unless `dry_run`."""
    run_id = run_id or uuid.uuid4().hex[:16]
    entries = warehouse.quarantined(venue=venue, dataset=dataset, status="held")
    passing: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    released = stored = 0
    for (of_venue, name, _), series in _by_series(entries).items():
        good, rows, reasons = _judged_today(warehouse, series, run_id)
        kept += reasons
        if good:
            passing[f"raw.{of_venue}_{name}"] += len(good)
        if good and not dry_run:
            stored += _store(warehouse, good, rows, PASSES_NOW, run_id).inserted
            released += len(good)
    return Revalidated(len(entries), released, stored, dict(passing), dict(kept))


def _judged_today(
    warehouse: Warehouse, series: Sequence[QuarantineEntry], run_id: str
) -> tuple[list[QuarantineEntry], list[dict[str, Any]], Counter[str]]:
    """The entries that pass and their rows; for the others, how many each reason keeps."""
    dataset = DATASETS.get(series[0].dataset)
    kept: Counter[str] = Counter()
    readable: list[tuple[QuarantineEntry, dict[str, Any]]] = []
    for entry in series:
        # What it contradicted is not here to be judged with it.
        if DUPLICATE_KEY in entry.reasons:
            kept[DUPLICATE_KEY] += 1
            continue
        try:
            readable.append((entry, row_of(entry, run_id)))
        except PayloadUnreadable:
            kept[MALFORMED] += 1
    if dataset is None or not readable:
        return [], [], kept
    table = arrow.table([row for _, row in readable], dataset.arrow_schema())
    bad = {row.index: row.reasons for row in validate(dataset, table).bad}
    for reasons in bad.values():
        kept.update(reasons)
    passing = [pair for index, pair in enumerate(readable) if index not in bad]
    stored = _stored_values(warehouse, dataset, passing)
    good = []
    for entry, row in passing:
        values = stored.get(_key(dataset, row))
        if values is None or values == _values(dataset, row):
            good.append((entry, row))
        else:
            # The venue told it otherwise since: an old broken reading is no correction of that.
            kept[STORED_OTHERWISE] += 1
    return [entry for entry, _ in good], [row for _, row in good], kept


def _stored_values(
    warehouse: Warehouse,
    dataset: Dataset,
    pairs: Sequence[tuple[QuarantineEntry, Mapping[str, Any]]],
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Key -> values of what is stored at the rows' keys."""
    if not pairs:
        return {}
    moments = [to_ms(row["timestamp"]) for _, row in pairs if row.get("timestamp")]
    table = warehouse.read(
        pairs[0][0].venue,
        dataset,
        interval=pairs[0][0].interval,
        symbols=sorted({row["symbol"] for _, row in pairs}),
        window=Window(min(moments), max(moments) + 1) if moments else None,
    )
    keys = {_key(dataset, row) for _, row in pairs}
    names = list(dict.fromkeys((*dataset.key, *dataset.values)))
    return {
        key: _values(dataset, row)
        for row in table.select(names).to_pylist()
        if (key := _key(dataset, row)) in keys
    }


def _store(
    warehouse: Warehouse,
    entries: Sequence[QuarantineEntry],
    rows: Sequence[Mapping[str, Any]],
    because: str,
    run_id: str,
) -> Committed:
    """The rows of one series with the decision on them, in one transaction."""
    first = entries[0]
    dataset = DATASETS[first.dataset]
    table: pa.Table = arrow.table(rows, dataset.arrow_schema())
    return warehouse.commit(
        Batch(
            venue=first.venue,
            dataset=dataset,
            interval=first.interval,
            run_id=run_id,
            rows=table,
            series=[
                SeriesOutcome(row["symbol"], slot, (slot,))
                for row in rows
                if (slot := _slot(dataset, first.interval, row))
            ],
            decisions=[Decision(entry.quarantine_id, "released", because) for entry in entries],
        )
    )


def _slot(dataset: Dataset, interval: str, row: Mapping[str, Any]) -> Window | None:
    """The time that the row fills; a settlement's minute stands for it."""
    if dataset not in (OHLCV, FUNDING_RATES):
        return None
    start = to_ms(row["timestamp"])
    return Window(start, start + INTERVALS.get(interval, MINUTE_MS))


def _row_that_can_be(entry: QuarantineEntry, run_id: str) -> dict[str, Any]:
    """The entry's row, or an error when no decision could make it one."""
    broken = {reason for reason in entry.reasons if reason in (MALFORMED, DUPLICATE_KEY)}
    row: dict[str, Any] = {}
    why = ""
    try:
        row = row_of(entry, run_id)
    except PayloadUnreadable as unreadable:
        broken.add(MALFORMED)
        why = f" ({unreadable})"
    else:
        dataset = DATASETS[entry.dataset]
        table = arrow.table([row], dataset.arrow_schema())
        found = {reason for bad in validate(dataset, table).bad for reason in bad.reasons}
        broken |= found & NOT_A_ROW
    if broken:
        raise RequestInvalid(
            f"Releasing {entry.quarantine_id[:12]}",
            f"it is {', '.join(sorted(broken))}{why}: that is no row that could be stored",
            "Drop it, and let the slot be read again:"
            f" `market-assets quarantine drop {entry.quarantine_id[:12]} --because ...`",
        )
    return row


def _refuse_two_of_one_key(
    dataset: Dataset, series: Sequence[QuarantineEntry], rows: Mapping[str, Mapping[str, Any]]
) -> None:
    seen: dict[tuple[Any, ...], str] = {}
    for entry in series:
        key = _key(dataset, rows[entry.quarantine_id])
        if key in seen:
            raise RequestInvalid(
                "Releasing rows",
                f"{seen[key][:12]} and {entry.quarantine_id[:12]} are the same row of"
                f" {entry.venue} {entry.dataset}: {entry.symbol} {entry.timestamp}",
                "Release the one that is right",
            )
        seen[key] = entry.quarantine_id


def _reason_given(because: str, doing: str) -> str:
    if not because.strip():
        raise RequestInvalid(
            f"{doing} rows of the quarantine",
            "no reason was given",
            "Say why: --because '...'; whoever finds the row later will ask",
        )
    return because.strip()


def _by_series(
    entries: Iterable[QuarantineEntry],
) -> dict[tuple[str, str, str], list[QuarantineEntry]]:
    found: dict[tuple[str, str, str], list[QuarantineEntry]] = {}
    for entry in entries:
        found.setdefault((entry.venue, entry.dataset, entry.interval), []).append(entry)
    return dict(sorted(found.items()))


def _key(dataset: Dataset, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in dataset.key)


def _values(dataset: Dataset, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in dataset.values)
