"""What a rule says, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from market_assets.checks.policy import Policy

Scene = TypeVar("Scene")


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One oddity of one symbol: rows that open in [at_ms, until_ms), what was seen, and the limit.

    `value` and `threshold` are of one kind (both a share, both a count, ...), so that a reader can
    compare them; both are None where a rule knows no number.
    """

    symbol: str
    at_ms: int
    until_ms: int
    rule: str
    value: float | None
    threshold: float | None
    detail: str

    def facts(self) -> dict[str, Any]:
        """For a JSON text, with the times in milliseconds."""
        return {
            "rule": self.rule,
            "symbol": self.symbol,
            "at_ms": self.at_ms,
            "until_ms": self.until_ms,
            "value": self.value,
            "threshold": self.threshold,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Rule(Generic[Scene]):
    """One named question to a scene. The name is the one that `quality.severities` knows."""

    name: str
    title: str
    description: str
    applies_to: Literal["candles", "funding"]
    # The field of `Policy` that turns it, empty where nothing does.
    threshold: str
    find: Callable[[Scene, Policy], list[Finding]]
