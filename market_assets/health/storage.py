"""How fast the warehouse grows, and what the disk has left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from market_assets.health.limits import is_above, is_below
from market_assets.health.look import Look
from market_assets.health.observed import Storage, StorageMoment
from market_assets.health.words import size
from market_assets.schemas.verdicts import Verdict

ONE_DAY = timedelta(days=1)
# A growth of minutes, made a day's, says nothing: this much of a day must have been seen.
LEAST_SPAN = timedelta(hours=12)


def judge(look: Look) -> Iterator[Verdict]:
    storage = look.observed.storage
    if storage is not None:
        yield _growth(look, storage)
        if storage.has_disk:
            yield _disk(look, storage)


def _growth(look: Look, storage: Storage) -> Verdict:
    limit = look.policy.storage_growth_percent_a_day
    before = _a_day_ago(look, storage.history)
    if storage.bytes is None or before is None or before.bytes <= 0:
        text = "no size of a day ago to compare with"
        return Verdict("storage_growth", "", "", "unknown", text, limit=limit)
    grown = storage.bytes - before.bytes
    days = (look.now - before.at) / ONE_DAY
    rate = 100 * grown / before.bytes / days
    text = (
        f"{size(storage.bytes)}, {size(grown)} more than {days * 24:.0f} h ago,"
        f" {rate:.0f} % a day (limit {limit:g})"
    )
    bad = is_above(look, "storage_growth", "", "", rate, limit)
    if bad and grown < look.policy.growth_least_bytes:
        bad, text = False, f"{text}; less than {size(look.policy.growth_least_bytes)} is young"
    return Verdict("storage_growth", "", "", "failing" if bad else "ok", text, rate, limit)


def _a_day_ago(look: Look, history: tuple[StorageMoment, ...]) -> StorageMoment | None:
    """The size that was taken nearest to a day ago, none that is too young to tell."""
    usable = [one for one in history if look.now - one.at >= LEAST_SPAN]
    return min(
        usable, key=lambda one: (abs(look.now - one.at - ONE_DAY), one.at, one.bytes), default=None
    )


def _disk(look: Look, storage: Storage) -> Verdict:
    free, total = storage.disk_free_bytes, storage.disk_total_bytes
    if free is None:
        return Verdict("disk_left", "", "", "unknown", "the disk could not be looked at")
    # Whichever of both limits is reached first: a share of a large disk, or what a small one needs.
    limit = look.policy.disk_free_bytes
    if total:
        limit = max(limit, total * look.policy.disk_free_percent / 100)
    share = f", {100 * free / total:.1f} %" if total else ""
    text = f"{size(free)} left{share} (limit {size(limit)})"
    bad = is_below(look, "disk_left", "", "", float(free), limit)
    return Verdict("disk_left", "", "", "failing" if bad else "ok", text, float(free), limit)
