"""A held row is released once, dropped for good, or passes when rules change; nothing is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from quarantine_support import (
    ODD,
    START,
    bring,
    candle,
    candles,
    covered,
    empty,
    held,
    hour,
    missing,
    settlement,
    slot,
    values,
)

from market_assets.errors import RequestInvalid
from market_assets.quality.quarantine import drop, release, revalidate
from market_assets.quality.raw_checks import RawJudge
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.settings import Settings
from market_assets.warehouse.contract import Batch, QuarantinedRow
from market_assets.warehouse.ducklake import DuckLakeWarehouse

BECAUSE = "the venue's own chart shows it"
DAY = Window(START, START + 24 * HOUR_MS)


@pytest.fixture
def warehouse(shared: DuckLakeWarehouse) -> Iterator[DuckLakeWarehouse]:
    """One warehouse for all tests here, emptied after each."""
    yield shared
    empty(shared)


def only_id(warehouse: DuckLakeWarehouse, **which: Any) -> str:
    [entry] = held(warehouse, **which)
    return entry.quarantine_id


# -- released


def test_a_released_row_is_stored_fills_its_slot_and_says_why(
    warehouse: DuckLakeWarehouse,
) -> None:
    bring(warehouse, candle(0), candle(1, **ODD), candle(2), within=slot(0, 180))
    assert missing(warehouse, DAY) == [slot(1)]
    before = datetime.now(UTC)
    done = release(warehouse, [only_id(warehouse)[:8]], BECAUSE)
    assert (done.inserted, done.corrected, done.already) == (1, 0, ())
    assert [values(row) for row in candles(warehouse)] == [
        values(candle(0)),
        values(candle(1, **ODD)),
        values(candle(2)),
    ]
    assert missing(warehouse, DAY) == []
    assert covered(warehouse, DAY) == [slot(0, 180)]
    [entry] = held(warehouse, status="released")
    assert entry.decided_because == BECAUSE
    assert entry.decided_at is not None
    stored = candles(warehouse)[1]
    assert before <= entry.decided_at == stored["ingestion_time"]
    assert stored["source"] == "rest"


def test_releasing_again_changes_nothing_and_says_so(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD))
    identity = only_id(warehouse)
    release(warehouse, [identity], BECAUSE)
    rows, entries = candles(warehouse), held(warehouse)
    again = release(warehouse, [identity], "another reason")
    assert (again.changed, again.already) == ((), (identity,))
    assert (candles(warehouse), held(warehouse)) == (rows, entries)


def test_where_another_value_is_stored_a_release_is_a_correction(
    warehouse: DuckLakeWarehouse,
) -> None:
    bring(warehouse, candle(1, **ODD))
    bring(warehouse, candle(1))
    moment = datetime.now(UTC)
    assert release(warehouse, [only_id(warehouse)], BECAUSE).corrected == 1
    assert [row["high"] for row in candles(warehouse)] == [ODD["high"]]
    then = warehouse.read_as_of("binance", OHLCV, moment)
    assert then["high"].to_pylist() == [101.5]


def test_a_released_settlement_fills_its_minute(warehouse: DuckLakeWarehouse) -> None:
    wild = settlement(8, funding_rate=0.05)
    bring(warehouse, wild, dataset=FUNDING_RATES)
    release(warehouse, [only_id(warehouse, reason="funding_outside_cap")], BECAUSE)
    [row] = warehouse.read("binance", FUNDING_RATES).to_pylist()
    assert values(row, FUNDING_RATES) == values(wild, FUNDING_RATES)
    assert covered(warehouse, DAY, FUNDING_RATES) == [slot(8, 1)]


def test_an_instrument_with_an_odd_name_is_released_like_any_row(
    warehouse: DuckLakeWarehouse,
) -> None:
    payload = {
        **dict.fromkeys(("native_symbol", "base", "quote", "settle"), "x"),
        **dict.fromkeys(("contract_size", "tick_size", "lot_size"), 1.0),
        "symbol": "odd-one",
        "venue": "binance",
        "status": "trading",
        "listed_at": str(hour(0)),
        "valid_from": str(hour(1)),
        "source": "rest",
        "is_backfill": False,
    }
    row = QuarantinedRow("", None, ("bad_symbol",), json.dumps(payload))
    nothing = INSTRUMENTS.arrow_schema().empty_table()
    warehouse.commit(Batch("binance", INSTRUMENTS, "", "run-1", nothing, quarantined=[row]))
    assert release(warehouse, [only_id(warehouse)], BECAUSE).inserted == 1
    assert warehouse.read("binance", INSTRUMENTS)["symbol"].to_pylist() == ["odd-one"]


NO_ROWS: dict[str, dict[str, Any]] = {
    "null_value": {"close": None},
    "not_finite": {"close": float("nan")},
    "off_grid": {"timestamp": hour(1) + timedelta(minutes=7)},
}


@pytest.mark.parametrize("reason", NO_ROWS)
def test_what_is_no_row_cannot_be_released(warehouse: DuckLakeWarehouse, reason: str) -> None:
    bring(warehouse, candle(1, **NO_ROWS[reason]))
    with pytest.raises(RequestInvalid, match=rf"{reason}.*no row that could be stored"):
        release(warehouse, [only_id(warehouse, reason=reason)], BECAUSE)
    assert candles(warehouse) == []
    assert [entry.status for entry in held(warehouse)] == ["held"]


@pytest.mark.parametrize(
    ("payload", "reasons"),
    [
        ('["not", "a", "row"]', ("malformed",)),
        ("<html>", ("malformed",)),
        ('{"close": "12"}', ("high_too_low",)),
        ('{"surprise": 1}', ("high_too_low",)),
        ('{"timestamp": "noon"}', ("high_too_low",)),
    ],
)
def test_a_payload_that_is_no_row_cannot_be_released(
    warehouse: DuckLakeWarehouse, payload: str, reasons: tuple[str, ...]
) -> None:
    hold(warehouse, QuarantinedRow("BTCUSDT", None, reasons, payload))
    with pytest.raises(RequestInvalid, match=r"malformed.*no row that could be stored"):
        release(warehouse, [only_id(warehouse)], BECAUSE)


def test_of_two_rows_that_contradict_each_other_none_is_released(
    warehouse: DuckLakeWarehouse,
) -> None:
    bring(warehouse, candle(1), candle(1, volume=3.0))
    for entry in held(warehouse):
        assert entry.reasons == ("duplicate_key",)
        with pytest.raises(RequestInvalid, match="duplicate_key"):
            release(warehouse, [entry.quarantine_id], BECAUSE)


def test_two_readings_of_one_row_are_not_released_together(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD))
    bring(warehouse, candle(1, **ODD, volume=3.0))
    identities = [entry.quarantine_id for entry in held(warehouse)]
    with pytest.raises(RequestInvalid, match="are the same row"):
        release(warehouse, identities, BECAUSE)
    assert candles(warehouse) == []


def test_a_decision_without_a_reason_is_refused(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD))
    for decide in (release, drop):
        with pytest.raises(RequestInvalid, match="no reason was given"):
            decide(warehouse, [only_id(warehouse)], "  ")


# -- read again


@pytest.mark.parametrize(
    "reading", [{}, {"is_backfill": True, "run_id": "run-2"}, {"source": "archive"}]
)
def test_a_released_row_is_good_however_it_is_read_again(
    warehouse: DuckLakeWarehouse, reading: dict[str, Any]
) -> None:
    bring(warehouse, candle(1, **ODD), within=slot(1))
    release(warehouse, [only_id(warehouse)], BECAUSE)
    again = bring(warehouse, candle(1, **ODD, **reading), within=slot(1))
    assert (again.unchanged, again.quarantined) == (1, 0)
    assert missing(warehouse, DAY) == []
    assert len(held(warehouse)) == 1


def test_another_broken_value_of_a_released_row_is_held(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD))
    release(warehouse, [only_id(warehouse)], BECAUSE)
    bring(warehouse, candle(1, high=99.75), within=slot(1))
    assert len(held(warehouse, status="held")) == 1
    assert [row["high"] for row in candles(warehouse)] == [ODD["high"]]


def test_who_judges_stored_rows_can_know_which_were_let_in(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD), candle(2, **ODD), candle(9, **ODD))
    for entry in held(warehouse):
        if entry.timestamp != hour(2):
            release(warehouse, [entry.quarantine_id], BECAUSE)
    key = ("BTCUSDT", "1h", slot(1).start)
    assert warehouse.accepted_keys("binance", OHLCV, slot(0, 300)) == {
        key: frozenset({"high_too_low"})
    }
    assert len(warehouse.accepted_keys("binance", OHLCV)) == 2
    assert warehouse.accepted_keys("okx", OHLCV) == {}


# -- dropped


def test_a_released_row_fails_no_check_and_others_like_it_do(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD), candle(2))
    [entry] = held(warehouse)
    release(warehouse, [entry.quarantine_id], "the venue stands by it")
    symbols = {"symbols": ["BTCUSDT"], "start": "2026-03-01"}
    settings = Settings.model_validate({"venues": {"binance": symbols}})

    def errors() -> dict[str, int]:
        judge = RawJudge(warehouse, settings, "binance", OHLCV, slot(1, 120), START + 86_400_000)
        return {v.check: v.findings for v in judge.verdicts() if v.is_blocking and not v.passed}

    assert errors() == {}
    with warehouse.writing_alone("Spoiling"):
        warehouse._session.retrying(
            "Spoiling",
            lambda c: c.execute(
                f"UPDATE raw.binance_ohlcv SET high = 100.0 WHERE timestamp = '{hour(2):%F %T}'"
            ),
        )
    assert errors() == {"schema": 1, "ohlc_inconsistent": 1}


def test_a_dropped_row_leaves_its_hole_and_is_not_held_again(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD), within=slot(1))
    identity = only_id(warehouse)
    assert drop(warehouse, [identity], "garbage").changed == (identity,)
    assert drop(warehouse, [identity], "again").already == (identity,)
    assert bring(warehouse, candle(1, **ODD), within=slot(1)).quarantined == 0
    [entry] = held(warehouse)
    assert (entry.status, entry.decided_because) == ("dropped", "garbage")
    assert candles(warehouse) == []
    assert missing(warehouse, DAY) == [slot(1)]


def test_who_changes_his_mind_may_release_what_was_dropped(warehouse: DuckLakeWarehouse) -> None:
    bring(warehouse, candle(1, **ODD))
    drop(warehouse, [only_id(warehouse)], "garbage")
    assert release(warehouse, [only_id(warehouse)], BECAUSE).inserted == 1


def test_a_released_row_is_not_dropped_and_neither_are_those_beside_it(
    warehouse: DuckLakeWarehouse,
) -> None:
    bring(warehouse, candle(1, **ODD), candle(2, **ODD))
    first, second = (entry.quarantine_id for entry in held(warehouse))
    release(warehouse, [first], BECAUSE)
    with pytest.raises(RequestInvalid, match=r"it was released on .*its row is stored"):
        drop(warehouse, [second, first], "garbage")
    assert len(held(warehouse, status="held")) == 1


# -- when rules change


def hold(warehouse: DuckLakeWarehouse, *rows: QuarantinedRow) -> None:
    nothing = OHLCV.arrow_schema().empty_table()
    warehouse.commit(Batch("binance", OHLCV, "1h", "run-1", nothing, quarantined=rows))


def held_by_an_old_rule(row: dict[str, Any], reason: str = "volume_not_round") -> QuarantinedRow:
    told = {k: v for k, v in row.items() if k not in ("ingestion_time", "run_id")}
    payload = json.dumps(told, default=str, sort_keys=True)
    return QuarantinedRow("BTCUSDT", row["timestamp"], (reason,), payload)


def test_rows_that_pass_the_rules_of_today_are_stored_and_the_others_stay(
    warehouse: DuckLakeWarehouse,
) -> None:
    bring(warehouse, candle(3, volume=7.0), candle(4), candle(5, **ODD), within=slot(0, 360))
    hold(
        warehouse,
        held_by_an_old_rule(candle(1)),
        held_by_an_old_rule(candle(2, low=1000.0)),
        held_by_an_old_rule(candle(3)),  # the venue told it otherwise since
        held_by_an_old_rule(candle(4)),  # stored, as it is
        held_by_an_old_rule(candle(0), "duplicate_key"),
        QuarantinedRow("BTCUSDT", None, ("malformed",), "<html>"),
    )
    before = candles(warehouse)
    tried = revalidate(warehouse, dry_run=True)
    assert candles(warehouse) == before
    assert len(held(warehouse, status="held")) == tried.held == 7
    assert tried.passing == {"raw.binance_ohlcv": 2}
    assert tried.released == tried.stored == 0
    done = revalidate(warehouse)
    assert (done.passing, done.kept, done.held) == (tried.passing, tried.kept, tried.held)
    assert done.kept == {
        "high_too_low": 2,
        "low_too_high": 1,
        "stored_otherwise": 1,
        "duplicate_key": 1,
        "malformed": 1,
    }
    assert (done.released, done.stored) == (2, 1)
    assert [values(row) for row in candles(warehouse)] == [
        values(candle(1)),
        values(candle(3, volume=7.0)),
        values(candle(4)),
    ]
    assert missing(warehouse, DAY) == [slot(0), slot(2), slot(5)]
    released = held(warehouse, status="released")
    assert {entry.decided_because for entry in released} == {"passes the rules of today"}
    assert revalidate(warehouse).released == 0


def test_only_the_venue_and_dataset_that_were_named_are_judged_again(
    warehouse: DuckLakeWarehouse,
) -> None:
    hold(warehouse, held_by_an_old_rule(candle(1)))
    assert revalidate(warehouse, venue="okx").held == 0
    assert revalidate(warehouse, dataset="funding_rates").held == 0
    assert revalidate(warehouse, venue="binance", dataset="ohlcv").released == 1
