"""Settled funding: events without a grid, at rhythms that change, on clocks that jitter."""

from __future__ import annotations

from typing import Any

import pytest
from lab_support import DIALECTS, Lab, ms, window

from market_assets.schemas.datasets import FUNDING_RATES
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, merge

ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)
FOUR = ("BTCUSDT", "ETHUSDT", "1000PEPEUSDT", "FASTUSDT")
SPAN = window("2026-01-10", "2026-03-10")


def funding(lab: Lab, venue: str, symbols: Any, span: Any, **more: Any) -> Any:
    return lab.ingest(venue, symbols, span, dataset="funding_rates", **more)


def missing_settlements(lab: Lab, venue: str, symbol: str, span: Any) -> set[int]:
    gaps = lab.lake.gaps(venue, FUNDING_RATES, "", [symbol], span)[symbol]
    return {gap.window.start for gap in gaps if gap.reason == "missing"}


@ALL_DIALECTS
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(
            {"http_500": 0.1, "cut_json": 0.1, "cut_connection": 0.05, "duplicates": 0.5},
            id="transport-and-duplicates",
        ),
        pytest.param({"empty_page": 0.25}, id="empty-pages"),
        pytest.param({"short_page": 1.0, "short_page_rows": 0.02}, id="short-pages"),
        pytest.param({"bad_row": 0.3}, id="bad-rows"),
    ],
)
def test_every_settlement_is_stored_with_its_rate_and_its_interval(
    lab: Lab, venue: str, faults: dict[str, Any]
):
    """8 h, 4 h (1000PEPE) and a change from 8 h to 4 h on 1 February (FAST); Binance jitters."""
    lab.exchange.control(faults=faults)
    summary = funding(lab, venue, FOUR, SPAN)
    if "empty_page" in faults and not summary.complete:
        # One in a thousand stretches gets empty pages only: it is named, and asked for again.
        summary = funding(lab, venue, FOUR, SPAN)
    summary.raise_if_incomplete()
    lab.assert_funding_truth(venue, FOUR, SPAN)


@ALL_DIALECTS
def test_a_change_to_hourly_settlements_is_followed(lab: Lab, venue: str):
    lab.exchange.control(clock={"now": "2026-04-05T12:34:56Z"})
    span = window("2026-03-25", "2026-04-05")
    funding(lab, venue, "FASTUSDT", span).raise_if_incomplete()
    lab.assert_funding_truth(venue, "FASTUSDT", span)


@pytest.mark.parametrize("cut", ["2026-02-01", "2026-02-01T04:00", "2026-01-31T16:00"])
def test_windows_that_meet_at_a_change_of_interval_fit_together(lab: Lab, cut: str):
    for span in (window("2026-01-25", cut), window(cut, "2026-02-05")):
        funding(lab, "binance", "FASTUSDT", span).raise_if_incomplete()
    lab.assert_funding_truth("binance", "FASTUSDT", window("2026-01-25", "2026-02-05"))


def test_a_window_as_short_as_a_day_knows_the_interval_of_its_first_settlement(lab: Lab):
    span = window("2026-02-20", "2026-02-21")
    funding(lab, "binance", FOUR, span).raise_if_incomplete()
    lab.assert_funding_truth("binance", FOUR, span)


def test_jitter_is_kept_as_told_and_rounded_to_the_settlement(lab: Lab):
    funding(lab, "binance", "BTCUSDT", SPAN)
    rows = lab.lake.read("binance", FUNDING_RATES).to_pylist()
    assert all(row["timestamp"].microsecond == 0 == row["timestamp"].second for row in rows)
    assert any(row["raw_timestamp"] != row["timestamp"] for row in rows)


@ALL_DIALECTS
def test_a_listing_and_a_delisting_bound_the_settlements(lab: Lab, venue: str):
    lab.exchange.control(clock={"now": "2026-03-04T10:30:30Z"})
    lab.ingest(venue, (), SPAN, dataset="instruments")  # while the end is announced
    lab.exchange.control(clock={"now": "2026-03-10T12:34:56Z"})
    span = window("2026-02-05", "2026-03-10")
    funding(lab, venue, ("NEWUSDT", "OLDUSDT"), span).raise_if_incomplete()
    lab.assert_funding_truth(venue, ("NEWUSDT", "OLDUSDT"), span)


def test_what_okx_no_longer_keeps_is_named_missing(lab: Lab):
    """The clock stands on 10 March; OKX keeps 90 days."""
    span = window("2025-11-01", "2026-03-01")
    summary = funding(lab, "okx", ("BTCUSDT", "ETHUSDT"), span)
    assert not summary.complete
    horizon = ms("2026-03-10T12:34:56") - 90 * DAY_MS
    for item in summary.missing:
        assert item.gap.window.start == span.start
        assert 0 <= item.gap.window.end - horizon < HOUR_MS
        assert "older than the venue keeps" in item.gap.evidence["unproven"]
    assert {item.symbol for item in summary.missing} == {"BTCUSDT", "ETHUSDT"}
    kept = window("2025-12-11", "2026-03-01")
    lab.assert_funding_truth("okx", ("BTCUSDT", "ETHUSDT"), kept)


@ALL_DIALECTS
def test_settlements_nobody_told_us_are_named_and_repaired_by_the_next_run(lab: Lab, venue: str):
    lab.exchange.control(faults={"empty_page": 1.0})
    summary = funding(lab, venue, FOUR[:2], SPAN)
    assert not summary.complete
    for symbol in FOUR[:2]:
        true = lab.exchange.truth(
            f"{venue}/funding", symbol=symbol, start=SPAN.start + 1, end=SPAN.end
        )
        named = missing_settlements(lab, venue, symbol, SPAN)
        assert {row["timestamp"] for row in true} <= named
    lab.exchange.control(faults={"empty_page": 0.0})
    funding(lab, venue, FOUR[:2], SPAN).raise_if_incomplete()
    lab.assert_funding_truth(venue, FOUR[:2], SPAN)


def test_complete_funding_is_not_asked_for_again(lab: Lab):
    funding(lab, "binance", FOUR, SPAN).raise_if_incomplete()
    lab.exchange.control(reset_stats=True)
    funding(lab, "binance", FOUR, SPAN).raise_if_incomplete()
    paths = lab.exchange.stats()["binance"]["by_path"]
    assert "/fapi/v1/fundingRate" not in paths


@ALL_DIALECTS
def test_a_settlement_that_has_not_happened_is_not_expected(lab: Lab, venue: str):
    span = window("2026-03-09", "2026-03-12")
    funding(lab, venue, FOUR, span).raise_if_incomplete()
    lab.assert_funding_truth(venue, FOUR, span)
    lab.exchange.control(clock={"now": "2026-03-10T16:30:00Z"})
    later = funding(lab, venue, FOUR, span)
    later.raise_if_incomplete()
    assert later.inserted == 4, "the settlements of 16:00"
    lab.assert_funding_truth(venue, FOUR, span)


@ALL_DIALECTS
def test_a_venue_that_refuses_in_the_middle_leaves_every_settlement_named_once(
    lab: Lab, venue: str
):
    month = window("2026-02-01", "2026-03-01")
    assert lab.ingest(venue, ["BTCUSDT", "ETHUSDT"], month, dataset="funding_rates").complete
    days = window("2026-03-01", "2026-03-05")
    lab.exchange.control(faults={"http_451": 1.0, "fault_paths": ["funding"]})
    refused = lab.ingest(venue, ["BTCUSDT", "ETHUSDT"], days, dataset="funding_rates")
    assert not refused.complete
    for symbol in ("BTCUSDT", "ETHUSDT"):
        named = [i.gap.window for i in refused.missing if i.symbol == symbol]
        assert merge(named) == [days]
        assert sum(gap.length for gap in named) == days.length
    lab.exchange.control(faults=None)
    assert lab.ingest(venue, ["BTCUSDT", "ETHUSDT"], days, dataset="funding_rates").complete
    lab.assert_funding_truth(venue, ["BTCUSDT", "ETHUSDT"], days)
