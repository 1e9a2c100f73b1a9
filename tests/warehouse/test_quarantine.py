"""Rejected rows are held once, with everything that is needed to judge them later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from warehouse_support import ask, at, candle_batch, candles, change, hours

from market_assets.errors import RequestInvalid
from market_assets.warehouse.contract import Decision, QuarantinedRow
from market_assets.warehouse.ducklake import DuckLakeWarehouse

ENGINES = ("ducklake", "bigquery")
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


def test_who_read_a_row_and_when_makes_no_other_reject(warehouse: DuckLakeWarehouse) -> None:
    """A day later it is a backfill, and the archive has it too: it is the same row."""
    first = replace(NEGATIVE, payload='{"v": -1, "is_backfill": false, "source": "rest"}')
    again = replace(NEGATIVE, payload='{"source": "archive", "v": -1, "is_backfill": true}')
    assert warehouse.commit(candle_batch(quarantined=[first])).quarantined == 1
    assert warehouse.commit(candle_batch(quarantined=[again])).quarantined == 0


def test_a_row_is_named_by_the_beginning_of_its_id(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch(quarantined=[NEGATIVE, UNTIMED]))
    one, other = warehouse.quarantined()
    assert warehouse.quarantine_entries([one.quarantine_id]) == [one]
    asked = [other.quarantine_id[:8].upper(), one.quarantine_id[:5], one.quarantine_id]
    assert warehouse.quarantine_entries(asked) == [other, one]


def test_a_name_that_fits_none_or_several_rows_is_refused(warehouse: DuckLakeWarehouse) -> None:
    warehouse.commit(candle_batch(quarantined=[NEGATIVE, UNTIMED]))
    change(warehouse, "UPDATE raw.quarantine SET quarantine_id = 'abcd' || quarantine_id")
    with pytest.raises(RequestInvalid, match=r"2 rows have ids that begin with 'abcd': abcd"):
        warehouse.quarantine_entries(["abcd"])
    with pytest.raises(RequestInvalid, match="no row has an id that begins with 'ffff'"):
        warehouse.quarantine_entries(["ffff"])
    with pytest.raises(RequestInvalid, match="too short"):
        warehouse.quarantine_entries([""])


def test_a_row_without_a_time_belongs_to_when_it_was_rejected(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(candle_batch(quarantined=[NEGATIVE, UNTIMED]))
    [timed] = warehouse.quarantined(window=hours(3, 1))
    assert timed.reasons == ("high_too_low", "volume_negative")
    assert warehouse.quarantined(window=hours(4, 1)) == []
    now = hours(int((datetime.now(UTC) - at(0)).total_seconds() // 3600) - 1, 3)
    [untimed] = warehouse.quarantined(window=now)
    assert untimed.timestamp is None


def test_a_row_and_the_decision_on_it_are_stored_together_or_not_at_all(
    warehouse: DuckLakeWarehouse,
) -> None:
    warehouse.commit(candle_batch(quarantined=[NEGATIVE]))
    [entry] = warehouse.quarantined()
    decision = Decision(entry.quarantine_id, "released", "it's right")
    whole = candles(30, 1, run_id="run-2")
    at_close = whole.schema.get_field_index("close")
    broken = whole.set_column(at_close, "close", pa.array([None, None], pa.float64()))
    with pytest.raises(Exception, match="NOT NULL"):
        warehouse.commit(candle_batch(30, 1, rows=broken, decisions=[decision]))
    assert warehouse.quarantined() == [entry]
    warehouse.commit(candle_batch(30, 1, rows=whole, decisions=[decision]))
    [decided] = warehouse.quarantined()
    assert (decided.status, decided.decided_because) == ("released", "it's right")
    assert warehouse.decide([replace(decision, status="dropped")]) == 0, "a release is final"
    assert warehouse.quarantined() == [decided]


def test_a_store_of_before_there_were_decisions_can_be_looked_into(
    store: Path, opened: Callable[..., DuckLakeWarehouse]
) -> None:
    with DuckLakeWarehouse(store) as warehouse:
        warehouse.commit(candle_batch(quarantined=[NEGATIVE]))
        with warehouse.writing_alone("Going back in time"):
            for column in ("decided_at", "decided_because"):
                sql = f"ALTER TABLE raw.quarantine DROP COLUMN {column}"
                warehouse._session.retrying("x", lambda c, sql=sql: c.execute(sql))
    [entry] = opened(store, read_only=True).quarantined()
    assert (entry.status, entry.decided_at, entry.decided_because) == ("held", None, None)
