"""Runs that failed, until the same work succeeds or is no longer news."""

from __future__ import annotations

from collections.abc import Iterator

from market_assets.health.look import Look
from market_assets.health.observed import FailedRun
from market_assets.health.words import moment
from market_assets.schemas.verdicts import Verdict


def judge(look: Look) -> Iterator[Verdict]:
    works: dict[tuple[str, str], list[FailedRun]] = {}
    for run in look.observed.failed_runs or ():
        works.setdefault((run.job, run.target), []).append(run)
    for (job, target), runs in works.items():
        yield _verdict(look, job, target, runs)


def _verdict(look: Look, job: str, target: str, runs: list[FailedRun]) -> Verdict:
    newest = max(runs, key=lambda run: (run.failed_at, run.run_id, run.error))
    succeeded = max((r.succeeded_at for r in runs if r.succeeded_at), default=None)
    if succeeded is not None and succeeded > newest.failed_at:
        return Verdict("run_failed", job, target, "ok", f"succeeded {moment(succeeded)}")
    when = moment(newest.failed_at)
    if look.now - newest.failed_at > look.policy.run_failures:
        return Verdict("run_failed", job, target, "ok", f"failed {when}, which is old news")
    text = f"run {newest.run_id} failed {when}" + (f": {newest.error}" if newest.error else "")
    if newest.will_retry:
        return Verdict("run_failed", job, target, "unknown", f"{text}; it is tried again")
    since = min(run.failed_at for run in runs if succeeded is None or run.failed_at >= succeeded)
    if len(runs) > 1:
        text += f"; {len(runs)} failures"
    return Verdict("run_failed", job, target, "failing", text, since=since)
