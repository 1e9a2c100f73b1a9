"""What the last look saw, in one small file: other processes read it and ask no warehouse."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter

from market_assets import __version__
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import AlertSeverity

FILE = "watch.json"
# Looks that may be missed before nobody seems to look any more: one can be slow, two are a hole.
MISSED_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number as Prometheus names it."""

    name: str  # market_assets_data_age_seconds
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that has not been resolved."""

    id: str
    rule: str  # one of an older version may still be open
    scope: str
    severity: AlertSeverity
    state: Literal["firing", "acknowledged"]
    title: str
    began_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel that messages do not get through."""

    channel: str
    messages: int  # that wait for another attempt or were given up
    error: str  # the newest, without secrets


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look."""

    looked_at: AwareDatetime
    interval_seconds: int
    verdicts: tuple[Verdict, ...] = ()
    alerts: tuple[OpenAlert, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    failing: tuple[FailingChannel, ...] = ()
    problem: str = ""  # why this look could tell nobody
    version: str = __version__

    def is_old(self, now: float) -> bool:
        """Whether nobody has looked for several intervals, by Unix time.

        A look of the future is as old: the clock was set back, and this one stays until it is due.
        """
        return abs(now - self.looked_at.timestamp()) > MISSED_LOOKS * self.interval_seconds


def snapshot_file(state: Path) -> Path:
    return state / FILE


def write_snapshot(state: Path, snapshot: Snapshot) -> None:
    """Replaces the file as a whole: a reader sees the old look or the new one."""
    file = snapshot_file(state)
    state.mkdir(parents=True, exist_ok=True)
    # Two processes that look at once (a click beside the sensor) must not share a draft.
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    # By way of Python: pydantic's own JSON would turn an infinite number into null.
    plain = _adapter().dump_python(snapshot, mode="json")
    draft.write_text(json.dumps(plain, separators=(",", ":")), encoding="utf-8")
    draft.replace(file)


def read_snapshot(state: Path) -> Snapshot | None:
    """The last look; None when there was none, or the file is no whole one."""
    try:
        return _adapter().validate_json(snapshot_file(state).read_bytes())
    except (OSError, ValueError):
        return None


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    return TypeAdapter(Snapshot)
