"""What a check came to over a span of a table: passed or not, how much it found, and the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from market_assets.schemas.timeline import Window
from market_assets.warehouse.contract import CheckResult

# How many findings a verdict carries: enough to see what it is about, and small in every event.
SAMPLED = 20


def blocks(check: str, severity: str) -> bool:
    """Errors do, but for an incomplete day: it is built and marked as such, and its run fails."""
    return severity == "error" and check != "completeness"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's judgement on one table."""

    table: str
    check: str
    severity: Literal["error", "warn"]
    window: Window
    findings: int = 0
    # How many findings by reason, or by symbol where a check has one reason only.
    counts: Mapping[str, int] = field(default_factory=dict)
    sample: Sequence[Mapping[str, Any]] = ()
    # From the first to the last moment of what was found; None when it has no time.
    found: Window | None = None

    @property
    def passed(self) -> bool:
        return self.findings == 0

    @property
    def is_blocking(self) -> bool:
        """Whether what is built on the table has to wait."""
        return blocks(self.check, self.severity)

    def as_result(self, run_id: str) -> CheckResult:
        """As the warehouse keeps it."""
        return CheckResult(
            self.table,
            self.check,
            self.window,
            self.passed,
            self.severity,
            self.is_blocking,
            self.findings,
            self.found,
            tuple(self.sample),
            run_id,
        )
