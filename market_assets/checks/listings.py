"""What a venue says about its instruments, as rules ask: since when, until when, with which cap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from market_assets.schemas import arrow

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = (
    "venue",
    "symbol",
    "status",
    "listed_at",
    "delisted_at",
    "valid_from",
    "valid_to",
    "funding_cap",
    "funding_floor",
)
_TIMES = ("listed_at", "delisted_at", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class Version:
    """What was known of a listing in [valid_from, valid_to); times in milliseconds."""

    listed_at: int
    delisted_at: int | None
    valid_from: int
    valid_to: int | None
    status: str
    funding_cap: float | None
    funding_floor: float | None


@dataclass(frozen=True, slots=True)
class Listings:
    """Every version of every symbol, in order of what was seen first."""

    by_symbol: Mapping[str, tuple[Version, ...]]

    @classmethod
    def of(cls, instruments: pa.Table | None, venue: str) -> Listings:
        found: dict[str, list[Version]] = {}
        for symbol, version in _versions(instruments, venue) if instruments is not None else ():
            found.setdefault(symbol, []).append(version)
        return cls({symbol: tuple(sorted(v, key=_seen)) for symbol, v in found.items()})

    def listings(self, symbol: str) -> tuple[Version, ...]:
        """The newest version of each listing of a symbol, in order of listing."""
        latest = {v.listed_at: v for v in self.by_symbol.get(symbol, ())}
        return tuple(latest[at] for at in sorted(latest))

    def newest(self, symbol: str) -> Version | None:
        """What the venue says now of the newest listing."""
        known = self.listings(symbol)
        return known[-1] if known else None

    def in_force(self, symbol: str, at_ms: int) -> Version | None:
        """The version of that moment; before the first that was seen, that one.

        As marts.funding_rates has it: of versions that hold together the one seen last.
        """
        versions = self.by_symbol.get(symbol, ())
        for place in range(len(versions) - 1, -1, -1):
            version = versions[place]
            began = at_ms >= version.valid_from or place == 0
            if began and (version.valid_to is None or at_ms < version.valid_to):
                return version
        return None


def _seen(version: Version) -> tuple[int, int]:
    return version.valid_from, version.listed_at


def _versions(table: pa.Table, venue: str) -> Iterator[tuple[str, Version]]:
    """Each row that names an instrument. Times are read as numbers: a datetime each costs more."""
    told = {
        name: (arrow.numbers(table[name]) / 1000).tolist()
        if name in _TIMES
        else table[name].to_pylist()
        for name in _COLUMNS
    }
    for row in zip(*told.values(), strict=True):
        of_venue, symbol, status, listed, delisted, since, until, cap, floor = row
        if of_venue == venue and symbol is not None and not isnan(listed):
            yield (
                symbol,
                Version(
                    listed_at=int(listed),
                    delisted_at=None if isnan(delisted) else int(delisted),
                    valid_from=0 if isnan(since) else int(since),
                    valid_to=None if isnan(until) else int(until),
                    status=status or "",
                    funding_cap=cap,
                    funding_floor=floor,
                ),
            )
