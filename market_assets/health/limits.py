"""Limits that do not tremble: what has failed must come back beyond its limit by a margin.

The margin is a share of the limit (policy.margin). With a limit of 5 % and a margin of a tenth,
5.1 % fails and 4.8 % fails on if it failed before; 4.5 % is fine.
"""

from __future__ import annotations

from market_assets.health.look import Look
from market_assets.settings.alerts import AlertRule


def is_above(
    look: Look, rule: AlertRule, scope: str, member: str, value: float, limit: float
) -> bool:
    """Whether a value that should not be large fails."""
    if value > limit:
        return True
    failed = (rule, scope, member) in look.failed_before
    return failed and value > limit * (1 - look.policy.margin)


def is_below(
    look: Look, rule: AlertRule, scope: str, member: str, value: float, limit: float
) -> bool:
    """Whether a value that should not be small fails."""
    if value < limit:
        return True
    failed = (rule, scope, member) in look.failed_before
    return failed and value < limit * (1 + look.policy.margin)
