"""The table that no rival passes (peers.md 3.3): who ends with the truth, and says so?

A  a fifth of all answers are transport faults       nothing is missing
B  every twelfth page is `200 []`                    nothing is missing
C  pages come short, a candle here and there         nothing is missing
D  one candle in a hundred really is not there       each is named, with its reason
E  the clock stands inside of a candle               it is not stored
"""

from __future__ import annotations

from typing import Any

import pytest
from lab_support import DIALECTS, EVERY_VENUE, Lab, ms, window

from market_assets.errors import IntervalsMissing
from market_assets.schemas.timeline import HOUR_MS, Window

FIVE = ("BTCUSDT", "ETHUSDT", "UNIUSDT", "LINKUSDT", "AAVEUSDT")
# OKX allows 20 small pages in two seconds, Aster tells no Retry-After: a smaller load there.
LOAD: dict[str, tuple[tuple[str, ...], Window]] = {
    "binance": (FIVE, window("2026-01-09", "2026-03-10")),
    "aster": (FIVE[:3], window("2026-02-07", "2026-03-10")),
    "okx": (FIVE[:3], window("2026-02-07", "2026-03-10")),
    "bybit": (FIVE[:3], window("2026-02-07", "2026-03-10")),
}
# Bybit's have 1000 rows: it takes more days to make as many of them.
PAGES = LOAD | {"bybit": (FIVE[:3], window("2025-07-13", "2026-03-10"))}
TRANSPORT = {
    "http_429": 0.06,
    "retry_after": 1,
    "http_500": 0.05,
    "http_502": 0.03,
    "cut_json": 0.04,
    "cut_connection": 0.03,
}
ALL_VENUES = pytest.mark.parametrize("venue", EVERY_VENUE)
ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)


@ALL_VENUES
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(TRANSPORT, id="A-transport-faults"),
        pytest.param({"empty_page": 0.08}, id="B-empty-pages"),
        pytest.param({"short_page": 1.0, "short_page_rows": 0.01}, id="C-short-pages"),
        pytest.param(
            TRANSPORT | {"empty_page": 0.08, "short_page": 0.3, "no_trade_rate": 0.01},
            id="everything-at-once",
        ),
    ],
)
def test_what_the_venue_has_is_stored_whatever_its_answers_look_like(
    lab: Lab, venue: str, faults: dict[str, Any]
):
    lab.exchange.control(faults=faults)
    symbols, span = PAGES[venue]
    summary = lab.ingest(venue, symbols, span)
    summary.raise_if_incomplete()
    assert summary.complete
    lab.assert_truth(venue, symbols, span)
    hit = lab.exchange.stats()[venue]["faults"]
    assert hit, "the exchange was as faulty as the test says"


@ALL_DIALECTS
def test_a_true_gap_is_named_with_its_reason_and_the_run_is_complete(lab: Lab, venue: str):
    lab.exchange.control(faults={"no_trade_rate": 0.01})
    symbols, span = LOAD[venue]
    summary = lab.ingest(venue, symbols, span)
    summary.raise_if_incomplete()
    lab.assert_truth(venue, symbols, span)
    absent = sum(len(lab.absences(venue, symbol, span)) for symbol in symbols)
    assert absent >= 5, "there was something to name"
    assert summary.gaps_by_reason() == {"no_trade": absent}


@ALL_DIALECTS
def test_candles_the_venue_lost_are_named_missing_and_the_run_says_so(lab: Lab, venue: str):
    lab.exchange.control(faults={"lost_rate": 0.01})
    symbols, span = LOAD[venue]
    summary = lab.ingest(venue, symbols, span)
    lab.assert_truth(venue, symbols, span)
    lost = sum(len(lab.absences(venue, symbol, span)) for symbol in symbols)
    assert lost >= 5
    assert summary.gaps_by_reason() == {"missing": lost}
    with pytest.raises(IntervalsMissing) as failed:
        summary.raise_if_incomplete()
    assert failed.value.exit_code == 3
    assert len(failed.value.intervals) == len(summary.missing)
    assert summary.missing[0].symbol in str(failed.value)


@pytest.mark.parametrize(
    ("venue", "interval"),
    # What has closed is one rule for all; each dialect names its intervals in its own way.
    [("binance", "1h"), ("okx", "4h"), ("okx", "1d"), ("bybit", "4h"), ("bybit", "1d")],
)
def test_a_candle_in_progress_is_never_stored(lab: Lab, venue: str, interval: str):
    """The clock stands at 12:34:56 of the tenth; the window goes on for two days."""
    span = window("2026-03-03", "2026-03-12")
    summary = lab.ingest(venue, ("BTCUSDT", "ETHUSDT"), span, interval)
    summary.raise_if_incomplete()
    lab.assert_truth(venue, ("BTCUSDT", "ETHUSDT"), span, interval)
    last = {
        "1h": ms("2026-03-10T11:00"),
        "4h": ms("2026-03-10T08:00"),
        "1d": ms("2026-03-09"),
    }[interval]
    assert lab.candles(venue, "BTCUSDT", span, interval)[-1]["timestamp"] == last
    assert summary.due.end == last + {"1h": 1, "4h": 4, "1d": 24}[interval] * HOUR_MS


@ALL_DIALECTS
def test_the_candle_of_the_clock_is_stored_by_the_run_after_its_close(lab: Lab, venue: str):
    span = window("2026-03-10T06:00", "2026-03-10T14:00")
    lab.ingest(venue, "BTCUSDT", span).raise_if_incomplete()
    lab.exchange.control(clock={"now": "2026-03-10T13:00:30Z"})
    summary = lab.ingest(venue, "BTCUSDT", span)
    summary.raise_if_incomplete()
    assert summary.inserted == 1
    lab.assert_truth(venue, "BTCUSDT", span)
