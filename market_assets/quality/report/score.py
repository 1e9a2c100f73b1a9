"""One number for how far a symbol's data can be trusted, and the parts that it is made of.

The page prints the same words and weights that are used here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DAYS = 7
# A tenth of the rows corrected, or held back, leaves nothing of that part.
WORST_SHARE = 0.1
STALE_MINUTES = 24 * 60

# Part -> weight and what it means. A part that nobody knows is left out, and the others fill in.
PARTS: dict[str, tuple[float, str]] = {
    "completeness": (
        0.5,
        f"candles of the last {DAYS} days that are stored or rightly absent (no trade, outage,"
        " not listed), of those that there could be since the first that was asked for",
    ),
    "quality": (0.2, f"mean quality_score of marts.ohlcv over the last {DAYS} days"),
    "freshness": (
        0.1,
        "1 while the newest candle is younger than thresholds.freshness_minutes at the end of the"
        " day, down to 0 at 24 hours",
    ),
    "corrections": (
        0.1,
        f"1 when no row of the last {DAYS} days was corrected, down to 0 when"
        f" {WORST_SHARE:.0%} of them were",
    ),
    "quarantine": (
        0.1,
        f"1 when no row of the last {DAYS} days is held in quarantine, down to 0 when"
        f" {WORST_SHARE:.0%} of them are",
    ),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Each from 0 to 1; None where nothing is known."""

    completeness: float | None
    quality: float | None
    freshness: float | None
    corrections: float | None
    quarantine: float | None


def score(parts: Parts) -> float | None:
    """0 to 100: the weighted mean of the parts that are known; None where nothing is expected."""
    if parts.completeness is None:
        return None
    known: list[tuple[float, float]] = [
        (weight, value)
        for name, (weight, _) in PARTS.items()
        if (value := getattr(parts, name)) is not None
    ]
    return 100 * sum(weight * value for weight, value in known) / sum(w for w, _ in known)


def freshness(age_minutes: float | None, fresh_minutes: float) -> float:
    """How fresh a newest candle of that age is; nothing stored is as stale as can be."""
    if age_minutes is None or age_minutes >= STALE_MINUTES:
        return 0.0
    if age_minutes <= fresh_minutes:
        return 1.0
    return (STALE_MINUTES - age_minutes) / (STALE_MINUTES - fresh_minutes)


def clean(bad: int, rows: int) -> float | None:
    """How few of the rows are bad; None without rows."""
    if not rows:
        return None
    return 1.0 - min(1.0, bad / rows / WORST_SHARE)


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
