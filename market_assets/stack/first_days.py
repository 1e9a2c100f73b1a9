"""Bring the last days of a layer by Dagster's own backfills: only what is not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from market_assets.errors import NotReady
from market_assets.stack.dagster_api import AssetKey, DagsterApi, ranges

TITLES = {"raw": "First days of the demo", "marts": "Marts of the first days"}
DAYS = 3
_HOURS = 24 * DAYS
# The last 72 hours lie on four days.
_MARTS_DAYS = DAYS + 1
# "2026-11-20-05:00" is an hour, "2026-11-20" a day.
_DAY_KEY_LENGTH = 10
_POLL_SECONDS = 1.0
# The share of the time that looks at partitions may take while no run begins or ends. With a look
# each second the webserver took 34 s of CPU until the demo was up; now (2026-11-21) it takes 10.
_LOOKING = 0.05
# Two automatic retries of a run that waits for a throttled venue fit into this.
_STALLED_SECONDS = 900.0
_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED", "FAILED", "CANCELED"}


@dataclass
class FirstDays:
    """What is wanted of each asset, and how much of that is there."""

    api: DagsterApi
    layer: str = "raw"
    wanted: dict[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    done: dict[AssetKey, int] = field(default_factory=dict)
    missing: dict[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    backfill: str | None = None

    @property
    def complete(self) -> bool:
        return not any(self.missing.values())

    def look(self) -> None:
        """Ask which of the last days are there. What is wanted is fixed at the first look."""
        if not self.wanted:
            keys = [a.key for a in self.api.assets() if a.key[0] == self.layer and a.partitioned]
            days = _MARTS_DAYS if self.layer == "marts" else DAYS
            self.wanted = {key: _last(self.api.partitions(key).keys, days) for key in keys}
        open_still = {k: w for k, w in self.wanted.items() if self.missing.get(k, w)}
        for key, there in self.api.materialised(open_still).items():
            wanted = self.wanted[key]
            self.missing[key] = tuple(name for name in wanted if name not in there)
            self.done[key] = len(wanted) - len(self.missing[key])

    def launch(self) -> None:
        """A backfill of what is missing, unless an earlier start's is still being worked on."""
        self.backfill = self.api.active_backfill(TITLES[self.layer])
        if self.backfill is None and not self.complete:
            asked = {
                key: ranges(self.wanted[key], missing)
                for key, missing in self.missing.items()
                if missing
            }
            self.backfill = self.api.launch(asked, title=TITLES[self.layer])

    def follow(
        self,
        show: Callable[[Mapping[AssetKey, int]], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Until everything is there, or Dagster has given up on it."""
        last, moved = -1, time.monotonic()
        steps: object = None
        look_again = 0.0
        while True:
            check()
            # Asked first: what the backfill's last run did is then in what `look` sees.
            ended = self._ended()
            steps, before = self._steps(), steps
            if ended or steps != before or time.monotonic() > look_again:
                began = time.monotonic()
                self.look()
                show(self.done)
                took = time.monotonic() - began
                look_again = time.monotonic() + took / _LOOKING
            if self.complete or ended:
                return
            if (now := sum(self.done.values())) != last:
                last, moved = now, time.monotonic()
            if time.monotonic() - moved > _STALLED_SECONDS:
                raise NotReady(
                    "Materialising the first days",
                    f"nothing has moved for {_STALLED_SECONDS / 60:.0f} minutes",
                    f"See {self.api.url}/runs for what the runs are waiting for",
                )
            time.sleep(_POLL_SECONDS)

    def _ended(self) -> bool:
        if self.backfill is None:
            return True
        return self.api.backfill_status(self.backfill) in _ENDED

    def _steps(self) -> object:
        """What its runs are at: this moves whenever one of them begins or ends."""
        if self.backfill is None:
            return None
        return self.api.run_statuses(self.backfill)


def _last(keys: tuple[str, ...], days: int) -> tuple[str, ...]:
    if keys and len(keys[-1]) == _DAY_KEY_LENGTH:
        return keys[-days:]
    return keys[-_HOURS:]
