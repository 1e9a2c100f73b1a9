"""Rows that break rules, rows that come twice, and rows the venue corrects later."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lab_support import DIALECTS, Lab, ms, window

from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import to_ms

TWO = ("BTCUSDT", "ETHUSDT")
SPAN = window("2026-01-20", "2026-03-06")
ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)


@ALL_DIALECTS
def test_bad_rows_are_held_in_quarantine_with_reasons_and_the_truth_is_stored(lab: Lab, venue: str):
    lab.exchange.control(faults={"bad_row": 0.6})
    summary = lab.ingest(venue, TWO, SPAN)
    summary.raise_if_incomplete()
    lab.assert_truth(venue, TWO, SPAN)
    held = lab.quarantine()
    assert held
    reasons = {reason for row in held for reason in row["reasons"].split(",")}
    assert reasons & {"high_too_low", "low_too_high", "negative_volume", "off_grid"}
    for row in held:
        assert row["venue"] == venue
        assert row["symbol"] in TWO
        assert json.loads(row["payload"])
        assert row["status"] == "held"
    assert summary.quarantined >= len(held)
    assert set(summary.quarantine_reasons) == reasons


@ALL_DIALECTS
def test_a_row_that_comes_twice_is_stored_once(lab: Lab, venue: str):
    lab.exchange.control(faults={"duplicates": 1.0})
    lab.ingest(venue, TWO, SPAN).raise_if_incomplete()
    lab.assert_truth(venue, TWO, SPAN)
    assert {row["reasons"] for row in lab.quarantine()} == {"duplicate_key"}


@ALL_DIALECTS
def test_a_late_correction_is_found_by_a_refresh_and_the_old_value_is_kept(lab: Lab, venue: str):
    hour = ms("2026-03-02T05:00")
    correction = {
        "venue": venue,
        "symbol": "BTCUSDT",
        "hour": "2026-03-02T05:00:00Z",
        "at": "2026-03-10T14:00:00Z",
        "factor": 1.01,
    }
    span = window("2026-02-25", "2026-03-06")
    lab.exchange.control(faults={"corrections": [correction]})
    lab.ingest(venue, "BTCUSDT", span, run_id="run-1").raise_if_incomplete()
    before = {row["timestamp"]: row for row in lab.candles(venue, "BTCUSDT", span)}
    lab.exchange.control(clock={"now": "2026-03-10T15:00:30Z"})
    # Without a refresh what is complete is not asked for.
    assert lab.ingest(venue, "BTCUSDT", span).corrected == 0
    summary = lab.ingest(venue, "BTCUSDT", span, refresh=True, run_id="run-2")
    summary.raise_if_incomplete()
    lab.assert_truth(venue, "BTCUSDT", span)
    revised: list[dict[str, Any]] = lab.lake.ask("select * from ops.revisions").to_pylist()
    assert summary.corrected == len(revised) > 0
    old = {to_ms(row["timestamp"]): json.loads(row["old_values"]) for row in revised}
    assert hour in old
    for moment, values in old.items():
        assert all(before[moment][name] == values[name] for name in OHLCV.values)
        assert values["source"] == "rest"
        assert values["close"] != 0
    assert {(row["old_run_id"], row["new_run_id"]) for row in revised} == {("run-1", "run-2")}


def test_a_refresh_of_what_has_not_changed_changes_nothing(lab: Lab):
    lab.ingest("binance", TWO, SPAN).raise_if_incomplete()
    summary = lab.ingest("binance", TWO, SPAN, refresh=True)
    assert (summary.inserted, summary.corrected) == (0, 0)
    assert summary.unchanged == 2 * 45 * 24
    assert lab.lake.ask("select count(*) n from ops.revisions").to_pylist() == [{"n": 0}]


def test_a_refresh_under_faults_never_makes_what_is_stored_worse(lab: Lab):
    lab.ingest("binance", TWO, SPAN).raise_if_incomplete()
    lab.exchange.control(faults={"empty_page": 0.5, "short_page": 0.5, "short_page_rows": 0.1})
    lab.ingest("binance", TWO, SPAN, refresh=True)
    for symbol in TWO:
        assert lab.candles("binance", symbol, SPAN) == lab.true_candles("binance", symbol, SPAN)


def test_a_wrong_price_that_was_told_once_is_put_right_by_a_refresh(lab: Lab):
    spike = {"fault": "price_spike", "start_request": 1, "end_request": 1}
    lab.exchange.control(faults={"schedule": [spike]})
    lab.ingest("binance", "BTCUSDT", SPAN).raise_if_incomplete()
    summary = lab.ingest("binance", "BTCUSDT", SPAN, refresh=True)
    assert summary.corrected == 1
    lab.assert_truth("binance", "BTCUSDT", SPAN)


@ALL_DIALECTS
def test_broken_rows_beside_a_lost_candle_never_excuse_it(lab: Lab, venue: str):
    """A hole is held against the volume around it: a broken row's volume is no volume."""
    span = window("2026-02-07", "2026-02-11")
    lab.exchange.control(faults={"lost_rate": 0.15, "bad_row": 0.6})
    symbols = ("BTCUSDT", "ETHUSDT", "UNIUSDT", "LINKUSDT")
    lab.ingest(venue, symbols, span, "1h")
    lost = 0
    for symbol in symbols:
        true = lab.true_absences(venue, symbol, span, "1h")
        named = lab.absences(venue, symbol, span, "1h")
        lost += len(true)
        assert {t for t, why in named.items() if why != "missing"} == set(), symbol
    assert lost > 20
