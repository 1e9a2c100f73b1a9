"""What the venues list, and what changed lately, from the versions of their instruments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from market_assets.health.observed import InstrumentChange, InstrumentField
from market_assets.schemas.timeline import to_datetime, to_text
from market_assets.warehouse.sql import literal, moment
from market_assets.watch.store import rows_of

if TYPE_CHECKING:
    from market_assets.warehouse.protocol import Warehouse

# What is compared from one version to the next; a listing and a delisting are told as such.
_COMPARED = [name for name in get_args(InstrumentField) if name not in ("listed", "delisted")]
_HALTED = ("halted", "settling", "preopen")


@dataclass(frozen=True, slots=True)
class Listing:
    """The current version of a symbol's newest listing."""

    listed_at: datetime
    delisted_at: datetime | None
    is_halted: bool
    funding_interval_hours: float | None


def listings(
    warehouse: Warehouse, venues: Collection[str], tables: Collection[str]
) -> Mapping[tuple[str, str], Listing]:
    """(venue, symbol) -> how it is listed now."""
    parts = [
        f"SELECT {literal(venue)} AS venue, symbol, epoch_ms(listed_at) AS listed_at,"
        " epoch_ms(delisted_at) AS delisted_at, status, funding_interval_hours,"
        " epoch_ms(valid_from) AS valid_from"
        f" FROM raw.{venue}_instruments WHERE valid_to IS NULL QUALIFY"
        " row_number() OVER (PARTITION BY symbol ORDER BY listed_at DESC, valid_from DESC) = 1"
        for venue in _there(venues, tables)
    ]
    rows = rows_of(warehouse, " UNION ALL ".join(parts)) if parts else []
    return {
        (row["venue"], row["symbol"]): Listing(
            to_datetime(row["listed_at"]),
            _ended(row),
            row["status"] in _HALTED,
            row["funding_interval_hours"],
        )
        for row in rows
    }


def instrument_changes(
    warehouse: Warehouse, venues: Collection[str], tables: Collection[str], since: int
) -> tuple[InstrumentChange, ...]:
    """Every difference between a version that began since then and the one before it."""
    names = ("delisted_at", *_COMPARED)
    before = ", ".join(f"lag({name}) OVER life AS old_{name}" for name in names)
    parts = [
        f"SELECT * FROM (SELECT {literal(venue)} AS venue, symbol, listed_at, valid_from,"
        f" {', '.join(names)}, {before}, lag(valid_from) OVER life AS old_valid_from,"
        " min(valid_from) OVER () AS known_since"
        f" FROM raw.{venue}_instruments"
        " WINDOW life AS (PARTITION BY symbol, listed_at ORDER BY valid_from))"
        f" WHERE valid_from >= {moment(since)}"
        for venue in _there(venues, tables)
    ]
    if not parts:
        return ()
    instants = ("listed_at", "valid_from", "old_valid_from", "known_since")
    replaced = ", ".join(
        f"epoch_ms({name}) AS {name}" for name in (*instants, "delisted_at", "old_delisted_at")
    )
    rows = rows_of(
        warehouse,
        f"SELECT * REPLACE ({replaced}) FROM ({' UNION ALL '.join(parts)})"
        " ORDER BY valid_from, venue, symbol",
    )
    return tuple(change for row in rows for change in _changes(row))


def _changes(row: Mapping[str, Any]) -> Iterator[InstrumentChange]:
    def change(name: InstrumentField, old: object, new: object) -> InstrumentChange:
        return InstrumentChange(
            venue=row["venue"],
            symbol=row["symbol"],
            changed=name,
            old=_text(old),
            new=_text(new),
            seen_at=to_datetime(row["valid_from"]),
            venue_known_since=to_datetime(row["known_since"]),
        )

    if row["old_valid_from"] is None:
        yield change("listed", "", to_text(row["listed_at"]))
        return
    is_gone, was_gone = _is_gone(row, ""), _is_gone(row, "old_")
    if is_gone and not was_gone:
        ended = row["delisted_at"]
        yield change("delisted", "", "" if ended is None else to_text(ended))
    for name in _COMPARED:
        old, new = row[f"old_{name}"], row[name]
        if old != new and not (name == "status" and is_gone):
            yield change(name, old, new)


def _is_gone(row: Mapping[str, Any], version: str) -> bool:
    return row[f"{version}delisted_at"] is not None or row[f"{version}status"] == "delisted"


def _ended(row: Mapping[str, Any]) -> datetime | None:
    """When it ended: by the venue's word, else when it was first seen as gone."""
    if row["delisted_at"] is not None:
        return to_datetime(row["delisted_at"])
    return to_datetime(row["valid_from"]) if row["status"] == "delisted" else None


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _there(venues: Collection[str], tables: Collection[str]) -> Iterator[str]:
    return (venue for venue in venues if f"raw.{venue}_instruments" in tables)
