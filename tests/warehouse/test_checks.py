"""The records of verdicts and repairs, and what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from warehouse_support import SYMBOLS, at, candle_batch, hours

from market_assets.warehouse.contract import (
    CheckResult,
    Gap,
    MissingSpan,
    RepairAttempt,
    SeriesOutcome,
)
from market_assets.warehouse.ducklake import DuckLakeWarehouse

ENGINES = ("ducklake", "bigquery")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_verdicts_come_back_as_they_were_given_and_in_their_order(
    warehouse: DuckLakeWarehouse,
) -> None:
    bad = CheckResult(
        "raw.binance_ohlcv",
        "price_jump",
        hours(0, 3),
        False,
        "warn",
        False,
        2,
        hours(1, 1),
        ({"symbol": "BTCUSDT", "at": str(at(1))},),
        "run-7",
    )
    good = CheckResult("raw.okx_ohlcv", "schema", hours(3, 1), True, "error", True)

    warehouse.record_checks([bad])
    between = datetime.now(UTC)
    warehouse.record_checks([good])
    warehouse.record_checks([])

    first, second = warehouse.check_results(LONG_AGO)
    assert first.checked_at is not None
    assert second.checked_at is not None
    assert first.checked_at < between < second.checked_at
    assert [_untimed(first), _untimed(second)] == [bad, good]
    assert [found.check_name for found in warehouse.check_results(between)] == ["schema"]


def test_what_is_missing_is_told_with_its_evidence_and_the_other_absences_are_not(
    warehouse: DuckLakeWarehouse,
) -> None:
    outcome = SeriesOutcome(
        "BTCUSDT",
        hours(0, 6),
        (hours(0, 1), hours(4, 2)),
        (
            Gap(hours(1, 1), "no_trade", {"our_volume": 1}),
            Gap(hours(2, 2), "missing", {"unproven": "no answer"}),
        ),
    )

    warehouse.commit(candle_batch(0, 1, series=[outcome]))

    assert warehouse.missing() == [
        MissingSpan("binance", "ohlcv", "1h", "BTCUSDT", hours(2, 2), '{"unproven":"no answer"}')
    ]


def test_attempts_to_repair_are_kept_in_their_order(warehouse: DuckLakeWarehouse) -> None:
    span = MissingSpan("binance", "ohlcv", "1h", SYMBOLS[0], hours(2, 2))
    now = datetime(2026, 3, 1, tzinfo=UTC)
    attempts = [
        RepairAttempt(span, 1, "started", "{}", now),
        RepairAttempt(span, 2, "given_up", "6 attempts", now + timedelta(hours=1)),
    ]

    for attempt in attempts:
        warehouse.record_repairs([attempt])

    assert warehouse.repairs() == attempts


def _untimed(result: CheckResult) -> CheckResult:
    from dataclasses import replace

    return replace(result, checked_at=None, sample=tuple(result.sample))
