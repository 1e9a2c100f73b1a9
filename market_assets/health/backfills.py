"""Backfills that failed (told until their partitions are there, no longer than a failed run), or
that stand still."""

from __future__ import annotations

from collections.abc import Iterator

from market_assets.health.look import Look
from market_assets.health.observed import Backfill
from market_assets.health.words import length, minutes, moment
from market_assets.schemas.verdicts import Verdict


def judge(look: Look) -> Iterator[Verdict]:
    for backfill in look.observed.backfills or ():
        yield _failed(look, backfill)
        yield _stuck(look, backfill)


def _failed(look: Look, backfill: Backfill) -> Verdict:
    scope, member = backfill.target, backfill.backfill_id
    progress = f"{backfill.done} of {backfill.total} partitions done"
    if backfill.state != "failed" and not backfill.failed_partitions:
        return Verdict("backfill_failed", scope, member, "ok", f"{backfill.state}, {progress}")
    if backfill.is_made_good and backfill.state != "running":
        text = "failed, and what it left undone has been done since"
        return Verdict("backfill_failed", scope, member, "ok", text)
    if backfill.state == "canceled":
        text = f"canceled by a person, {progress}"
        return Verdict("backfill_failed", scope, member, "ok", text)
    ended = backfill.ended_at or backfill.last_progress_at or backfill.started_at
    if backfill.state != "running" and look.now - ended > look.policy.run_failures:
        text = f"failed {moment(ended)}, which is old news"
        return Verdict("backfill_failed", scope, member, "ok", text)
    text = f"{backfill.failed_partitions} partitions failed, {progress}"
    text += f": {backfill.error}" if backfill.error else ""
    value = float(backfill.failed_partitions)
    return Verdict("backfill_failed", scope, member, "failing", text, value, 0.0, since=ended)


def _stuck(look: Look, backfill: Backfill) -> Verdict:
    scope, member = backfill.target, backfill.backfill_id
    if backfill.state != "running":
        return Verdict("backfill_stuck", scope, member, "ok", backfill.state)
    moved = max(backfill.started_at, backfill.last_progress_at or backfill.started_at)
    # While nobody looked nothing could move either.
    if look.observed.resumed_at is not None:
        moved = max(moved, look.observed.resumed_at)
    still, limit = look.now - moved, look.policy.backfill_stuck
    text = (
        f"{backfill.done} of {backfill.total} partitions done, nothing new for {length(still)}"
        f" (limit {minutes(limit):.0f} min)"
    )
    value, most = minutes(still), minutes(limit)
    if still <= limit:
        return Verdict("backfill_stuck", scope, member, "ok", text, value, most)
    since = moved + limit
    return Verdict("backfill_stuck", scope, member, "failing", text, value, most, since)
