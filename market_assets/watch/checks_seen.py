"""The newest verdict of each check on each table, from ops.check_results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from market_assets.health.observed import CheckState
from market_assets.schemas.timeline import to_datetime
from market_assets.settings.quality import CHECK_NAMES
from market_assets.warehouse.sql import moment
from market_assets.watch.store import rows_of

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

# What has not been judged for a week says nothing about today; the quality report says the same.
_WEEK_MS = int(timedelta(days=7) / timedelta(milliseconds=1))
_WORDS = 200


def check_states(warehouse: Warehouse, settings: Settings, now: int) -> tuple[CheckState, ...]:
    """By the settings of today: what was turned off, and venues that were, are left out."""
    newest = "arg_max({}, checked_at) AS {}"
    columns = ("severity", "passed", "findings", "sample")
    rows = rows_of(
        warehouse,
        "SELECT table_name, check_name, epoch_ms(max(checked_at)) AS checked_at,"
        f" {', '.join(newest.format(name, name) for name in columns)} FROM ops.check_results"
        f" WHERE checked_at > {moment(now - _WEEK_MS)}"
        " GROUP BY table_name, check_name ORDER BY table_name, check_name",
    )
    return tuple(
        CheckState(
            table=row["table_name"],
            check=row["check_name"],
            severity=row["severity"],
            passed=row["passed"],
            checked_at=to_datetime(row["checked_at"]),
            findings=row["findings"],
            sample=_in_words(row["sample"]),
        )
        for row in rows
        if _counts(row, settings)
    )


def _counts(row: Mapping[str, Any], settings: Settings) -> bool:
    schema, _, table = row["table_name"].partition(".")
    if schema == "raw" and table.partition("_")[0] not in settings.enabled_venues:
        return False
    check = row["check_name"]
    return check not in CHECK_NAMES or settings.quality.severity(check) != "off"


def _in_words(sample: str) -> str:
    """The first finding: `symbol BTCUSDT, timestamp 2026-03-01 00:00`."""
    findings = json.loads(sample)
    if not findings:
        return ""
    told = ", ".join(f"{name} {value}" for name, value in findings[0].items() if value is not None)
    return told if len(told) <= _WORDS else f"{told[:_WORDS]}..."
