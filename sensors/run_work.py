"""What a run worked on, as hours and days of assets, and what of it later runs have made good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from market_assets.schemas.timeline import Window, merge, subtract, to_text

# Runs of assets, however they were started, share one job of this name in Dagster.
ASSET_JOB = "__ASSET_JOB"


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has succeeded or failed, and what it was told to do."""

    run_id: str
    job: str
    assets: tuple[str, ...]  # "raw/binance_ohlcv", in order; empty for a job of another kind
    window: Window | None  # its partitions; None for what has none
    succeeded: bool
    ended_at: datetime
    will_retry: bool = False

    @property
    def group(self) -> str:
        """What its failure is told under: the venue, the layer, or the job's own name."""
        venues = {venue_of(asset) for asset in self.assets}
        if len(venues) == 1 and "" not in venues:
            return venues.pop()
        if self.job != ASSET_JOB:
            return self.job
        return ", ".join(sorted({asset.partition("/")[0] for asset in self.assets})) or "assets"

    @property
    def venue(self) -> str:
        venues = {venue_of(asset) for asset in self.assets}
        return venues.pop() if len(venues) == 1 else ""

    @property
    def target(self) -> str:
        """Its assets and partitions in a few words."""
        named = ", ".join(self.assets[:2])
        if len(self.assets) > 2:
            named += f" and {len(self.assets) - 2} more"
        if self.window is None:
            return named
        return f"{named} {to_text(self.window.start)} .. {to_text(self.window.end)}".strip()


def venue_of(asset: str) -> str:
    """`binance`, of `raw/binance_ohlcv`; empty for what belongs to no venue."""
    layer, _, table = asset.partition("/")
    return table.partition("_")[0] if layer == "raw" else ""


def made_good_at(
    failed: EndedRun, done: Mapping[str, Iterable[Window]], others: Iterable[EndedRun]
) -> datetime | None:
    """When later successes had made all of a failed run's work good, None while they have not.

    `done` is what the failed run itself materialised before it failed. If that is everything, it
    failed for another reason (a check that blocks), and all of it has to succeed again.
    """
    later = sorted(
        (run for run in others if run.succeeded and run.ended_at > failed.ended_at),
        key=lambda run: run.ended_at,
    )
    if not failed.assets or failed.window is None:
        same = (run for run in later if _is_same_work(failed, run))
        return next((run.ended_at for run in same), None)
    whole = {asset: [failed.window] for asset in failed.assets}
    left = {asset: subtract(whole[asset], done.get(asset, ())) for asset in failed.assets}
    if not any(left.values()):
        left = whole
    for run in later:
        if run.window is None:
            continue
        left = {
            asset: subtract(windows, [run.window]) if asset in run.assets else windows
            for asset, windows in left.items()
        }
        if not any(left.values()):
            return run.ended_at
    return None


def _is_same_work(failed: EndedRun, run: EndedRun) -> bool:
    if not failed.assets:
        return run.job == failed.job
    return set(failed.assets) <= set(run.assets)


def joined(windows: Iterable[Window]) -> tuple[Window, ...]:
    return tuple(merge(windows))
