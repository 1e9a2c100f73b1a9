"""What the watch remembers from one look to the next, over restarts, in one small file.

No table tells it: since when a symbol is wanted, how large the warehouse was yesterday, and since
when anybody looks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, TypeAdapter

from market_assets.health.observed import StorageMoment, VerdictKey

FILE = "watch_memory.json"
_SIZES_APART = timedelta(hours=1)
_SIZES_KEPT = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the warehouse was once."""

    at: AwareDatetime
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Memory:
    """All of it. A new value where something changed, the same where nothing did."""

    began_at: AwareDatetime
    resumed_at: AwareDatetime | None = None  # the first look after the newest hole between looks
    # Since when each series is wanted; None for what was there at the first look.
    wanted: Mapping[str, AwareDatetime | None] = field(default_factory=dict)
    sizes: tuple[Size, ...] = ()
    failing: tuple[VerdictKey, ...] = ()

    def with_wanted(self, series: Collection[str], now: datetime) -> Memory:
        """What is wanted now. A series that was left out and comes back begins anew."""
        if series and self.wanted.keys() == set(series):
            return self
        new = now if self.wanted else None
        return replace(self, wanted={name: self.wanted.get(name, new) for name in series})

    def with_size(self, now: datetime, size: int, rows: int) -> Memory:
        """A size each hour, for the days that anybody compares with."""
        # A clock that went back leaves sizes of the future: they are told anew.
        kept = tuple(one for one in self.sizes if now - _SIZES_KEPT <= one.at <= now)
        if kept and now - kept[-1].at < _SIZES_APART:
            return self
        return replace(self, sizes=(*kept, Size(now, size, rows)))

    @property
    def history(self) -> tuple[StorageMoment, ...]:
        return tuple(StorageMoment(one.at, one.bytes, one.rows) for one in self.sizes)


def read_memory(state: Path) -> Memory | None:
    """What was remembered; None before the first look, or when the file is no whole one."""
    try:
        return TypeAdapter(Memory).validate_json((state / FILE).read_bytes())
    except (OSError, ValueError):
        return None


def write_memory(state: Path, memory: Memory) -> None:
    """Replaces the file as a whole."""
    state.mkdir(parents=True, exist_ok=True)
    draft = state / f"{FILE}.{os.getpid()}.tmp"
    plain = TypeAdapter(Memory).dump_python(memory, mode="json")
    draft.write_text(json.dumps(plain, separators=(",", ":")), encoding="utf-8")
    draft.replace(state / FILE)
