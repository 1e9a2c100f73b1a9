"""Asset checks whose newest verdict found something."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from market_assets.health.look import Look
from market_assets.health.observed import CheckState
from market_assets.health.words import moment
from market_assets.schemas.verdicts import Verdict

# A sample in a message names the trouble; the whole of it is in ops.check_results.
SAMPLE_LENGTH = 300


def judge(look: Look) -> Iterator[Verdict]:
    newest: dict[tuple[str, str], CheckState] = {}
    for check in look.observed.checks or ():
        known = newest.get((check.table, check.check))
        if known is None or _order(check) > _order(known):
            newest[check.table, check.check] = check
    for check in newest.values():
        scope, member = check.table, check.check
        when = moment(check.checked_at)
        if check.passed:
            yield Verdict("check_failed", scope, member, "ok", f"passed {when}")
            continue
        text = f"{check.findings} finding{'s' * (check.findings != 1)} {when}"
        text += f": {check.sample[:SAMPLE_LENGTH]}" if check.sample else ""
        yield Verdict(
            "check_failed",
            scope,
            member,
            "failing",
            text,
            value=float(check.findings),
            limit=0.0,
            # What breaks no promise is only worth knowing.
            severity="info" if check.severity == "warn" else None,
        )


def _order(check: CheckState) -> tuple[datetime, bool, int, str, str]:
    """The newest; of verdicts of one moment, the worse."""
    return check.checked_at, not check.passed, check.findings, check.severity, check.sample
