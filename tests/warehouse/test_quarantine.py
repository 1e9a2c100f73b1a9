"""Rejected rows are held once, with everything that is needed to judge them later."""

from __future__ import annotations

from warehouse_support import ask, at, candle_batch, candles

from market_assets.warehouse.contract import QuarantinedRow
from market_assets.warehouse.ducklake import DuckLakeWarehouse

NEGATIVE = QuarantinedRow("BTCUSDT", at(3), ("volume_negative", "high_too_low"), '{"v":-1}')
UNTIMED = QuarantinedRow("BTCUSDT", None, ("unreadable_time",), '{"t":"?"}')


def test_a_reject_is_held_with_its_reasons_and_payload(warehouse: DuckLakeWarehouse) -> None:
    committed = warehouse.commit(candle_batch(quarantined=[NEGATIVE, UNTIMED]))
    assert committed.quarantined == 2
    untimed, negative = ask(warehouse, 'FROM raw.quarantine ORDER BY "timestamp" NULLS FIRST')
    assert untimed["timestamp"] is None
    assert negative["timestamp"] == at(3).replace(tzinfo=None)
    assert negative["reasons"] == "high_too_low,volume_negative"
    assert negative["payload"] == '{"v":-1}'
    assert negative["status"] == "held"
    assert (negative["venue"], negative["dataset"], negative["interval"]) == (
        "binance",
        "ohlcv",
        "1h",
    )
    assert negative["run_id"] == "run-1"


def test_the_same_reject_of_another_run_is_not_held_twice(warehouse: DuckLakeWarehouse) -> None:
    nothing = candles(0, 0)
    warehouse.commit(candle_batch(rows=nothing, quarantined=[NEGATIVE, NEGATIVE]))
    again = warehouse.commit(
        candle_batch(rows=nothing, quarantined=[NEGATIVE, UNTIMED], run_id="run-2")
    )
    assert again.quarantined == 1
    held = ask(warehouse, "SELECT run_id FROM raw.quarantine ORDER BY run_id")
    assert held == [{"run_id": "run-1"}, {"run_id": "run-2"}]


def test_another_payload_at_the_same_time_is_another_reject(warehouse: DuckLakeWarehouse) -> None:
    other = QuarantinedRow("BTCUSDT", at(3), NEGATIVE.reasons, '{"v":-2}')
    assert warehouse.commit(candle_batch(quarantined=[NEGATIVE, other])).quarantined == 2
