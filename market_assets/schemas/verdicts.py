"""What a health evaluator says of one thing: the border between judging and telling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from market_assets.settings.alerts import AlertRule, AlertSeverity


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is wrong now, or that is fine, or that nobody can tell.

    `scope` is what alerts are grouped by: all troubles of one rule in one scope are one alert.
    `member` names the thing inside it. An `unknown` neither fires nor resolves anything.
    """

    rule: AlertRule
    scope: str  # "binance", "binance ohlcv", a job's name; "" for the platform
    member: str  # "BTCUSDT 1h"; "" where the scope is the thing
    state: Literal["ok", "failing", "unknown"]
    text: str  # one sentence with the facts: "newest candle closed 14:00, 185 min ago (limit 120)"
    value: float | None = None
    limit: float | None = None
    since: datetime | None = None  # when it began, where that is known
    severity: AlertSeverity | None = None  # where it differs from the rule's own
    # It is told once and needs no recovery: "an instrument changed". It resolves by itself.
    is_event: bool = False
