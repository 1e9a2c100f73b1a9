"""Why a candle is absent: each class needs its evidence, and an empty page is none."""

from __future__ import annotations

from typing import Any

import pytest
from lab_support import DIALECTS, Lab, relay, window

from market_assets.errors import VenueUnavailable
from market_assets.schemas.datasets import OHLCV

THREE = ("BTCUSDT", "ETHUSDT", "UNIUSDT")
ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)


def outage(venue: str, start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"outages": [{"venue": venue, "start": start, "end": end, **more}]}


def evidence_of(lab: Lab, venue: str, symbol: str, span: Any, interval: str = "1h") -> list[Any]:
    return [gap.evidence for gap in lab.lake.gaps(venue, OHLCV, interval, [symbol], span)[symbol]]


@ALL_DIALECTS
@pytest.mark.parametrize("symbols", [("ETHUSDT",), THREE], ids=["alone", "three"])
def test_an_outage_of_the_venue_is_told_from_a_quiet_symbol(
    lab: Lab, venue: str, symbols: tuple[str, ...]
):
    span = window("2026-03-01", "2026-03-08")
    lab.exchange.control(faults=outage(venue, "2026-03-04T03:00:00Z", "2026-03-04T09:00:00Z"))
    lab.ingest(venue, symbols, span).raise_if_incomplete()
    lab.assert_truth(venue, symbols, span)
    for symbol in symbols:
        assert set(lab.absences(venue, symbol, span).values()) == {"venue_outage"}
        for told in evidence_of(lab, venue, symbol, span):
            assert len(told["symbols_absent_too"]) >= 2


def test_an_outage_longer_than_the_longest_candle_is_an_outage_still(lab: Lab):
    span = window("2026-02-26", "2026-03-08")
    lab.exchange.control(faults=outage("binance", "2026-03-01T20:00:00Z", "2026-03-04T04:00:00Z"))
    lab.ingest("binance", THREE, span).raise_if_incomplete()
    lab.assert_truth("binance", THREE, span)


@pytest.mark.parametrize("interval", ["5m", "4h", "1d"])
def test_outages_are_named_in_every_interval(lab: Lab, interval: str):
    start, end = {
        "5m": ("2026-03-06T03:00:00Z", "2026-03-06T05:30:00Z"),
        "4h": ("2026-03-04T04:00:00Z", "2026-03-04T12:00:00Z"),
        "1d": ("2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z"),
    }[interval]
    span = window("2026-03-06" if interval == "5m" else "2026-02-25", "2026-03-08")
    lab.exchange.control(faults=outage("binance", start, end))
    lab.ingest("binance", THREE, span, interval).raise_if_incomplete()
    lab.assert_truth("binance", THREE, span, interval)


@pytest.mark.parametrize(
    ("venue", "interval"), [("binance", "1h"), ("okx", "1h"), ("okx", "5m"), ("bybit", "1h")]
)
def test_lost_candles_and_quiet_ones_next_to_each_other_are_told_apart(
    lab: Lab, venue: str, interval: str
):
    span = window("2026-03-05" if interval == "5m" else "2026-02-26", "2026-03-08")
    symbols = THREE[:2]
    rate = 0.05
    told: set[str] = set()
    lab.exchange.control(faults={"lost_rate": rate, "no_trade_rate": rate})
    summary = lab.ingest(venue, symbols, span, interval)
    lab.assert_truth(venue, symbols, span, interval, reasons=False)
    for symbol in symbols:
        recorded = lab.absences(venue, symbol, span, interval)
        should = lab.true_absences(venue, symbol, span, interval)
        # What was lost is never excused. A quiet hour beside a lost one inside the same longer
        # candle cannot be told from it and may be called missing, too.
        assert {t for t, why in should.items() if why == "missing"} <= {
            t for t, why in recorded.items() if why == "missing"
        }
        told |= set(recorded.values())
    assert told == {"missing", "no_trade"}
    assert not summary.complete


def test_missing_candles_carry_the_longer_candle_that_proves_them(lab: Lab):
    span = window("2026-02-20", "2026-03-08")
    lab.exchange.control(faults={"lost_rate": 0.01})
    lab.ingest("binance", "BTCUSDT", span)
    found = evidence_of(lab, "binance", "BTCUSDT", span)
    assert found
    for told in found:
        assert told["its_volume"] > told["our_volume"]
        assert told["longer_candle"] == "2h"


def test_an_empty_answer_to_everything_proves_nothing(lab: Lab):
    span = window("2026-03-01", "2026-03-03")
    lab.exchange.control(faults={"empty_page": 1.0})
    summary = lab.ingest("binance", THREE, span)
    assert not summary.complete
    assert summary.gaps_by_reason() == {"missing": 3 * 48}
    lab.exchange.control(faults={"empty_page": 0.0})
    lab.ingest("binance", THREE, span).raise_if_incomplete()
    lab.assert_truth("binance", THREE, span)


@ALL_DIALECTS
def test_a_venue_that_is_down_ends_the_run_and_the_next_one_has_the_truth(lab: Lab, venue: str):
    span = window("2026-03-10", "2026-03-11")
    down = outage(venue, "2026-03-10T09:30:00Z", "2026-03-10T14:20:00Z", down=True)
    lab.exchange.control(faults=down)
    with pytest.raises(VenueUnavailable):
        lab.ingest(venue, THREE, span)
    assert lab.requests("status = 503"), "the failed run's requests are kept"
    lab.exchange.control(clock={"now": "2026-03-10T20:00:30Z"})
    lab.ingest(venue, THREE, span).raise_if_incomplete()
    lab.assert_truth(venue, THREE, span)
    assert set(lab.absences(venue, "BTCUSDT", span).values()) == {"venue_outage"}


def test_holes_at_the_end_are_missing_until_later_candles_show_what_they_were(lab: Lab):
    """Nobody trades since 10:00, but the venue answers: it could still be late."""
    span = window("2026-03-10", "2026-03-11")
    lab.exchange.control(faults=outage("binance", "2026-03-10T10:00:00Z", "2026-03-10T14:00:00Z"))
    summary = lab.ingest("binance", THREE, span)
    assert {item.gap.reason for item in summary.absent} == {"missing"}
    lab.exchange.control(clock={"now": "2026-03-10T20:00:30Z"})
    lab.ingest("binance", THREE, span).raise_if_incomplete()
    lab.assert_truth("binance", THREE, span)
    assert set(lab.absences("binance", "BTCUSDT", span).values()) == {"venue_outage"}


@pytest.mark.parametrize("start", ["2026-03-01", "2026-03-04T03:00", "2026-03-04T05:00"])
def test_holes_at_the_edge_of_a_window_are_judged_by_their_neighbours_outside(lab: Lab, start: str):
    span = window(start, "2026-03-04T09:00")
    lab.exchange.control(faults=outage("binance", "2026-03-04T03:00:00Z", "2026-03-04T09:00:00Z"))
    lab.ingest("binance", THREE, span).raise_if_incomplete()
    lab.assert_truth("binance", THREE, span)


def test_pages_that_came_empty_are_not_taken_for_the_time_before_the_listing(lab: Lab):
    """OKX tells its oldest candles a page at a time: a full page says nothing of what is older."""
    span = window("2026-01-11", "2026-03-08")
    lab.exchange.control(faults={"empty_page": 1.0})
    asked = lab.ingest("okx", "BTCUSDT", span)
    assert not asked.complete
    pages = sum(
        n for path, n in lab.exchange.stats()["okx"]["by_path"].items() if "candles" in path
    )
    confirmations = lab.settings.ingest.confirmations
    # The same run again, but the last questions, for the oldest candle, are answered.
    empty = {"fault": "empty_page", "start_request": 1, "end_request": pages - confirmations}
    lab.exchange.control(faults={"empty_page": 0.0, "schedule": [empty]}, reset_stats=True)
    summary = lab.ingest("okx", "BTCUSDT", span)
    assert "not_listed" not in summary.gaps_by_reason()
    assert not summary.complete


def test_symbols_that_had_nothing_to_look_for_at_that_time_are_asked_as_witnesses(lab: Lab):
    """The others are complete but for their last day, so that the run has no need to ask them."""
    lab.exchange.control(faults=outage("binance", "2026-03-04T03:00:00Z", "2026-03-04T09:00:00Z"))
    lab.ingest("binance", THREE[1:], window("2026-03-01", "2026-03-07")).raise_if_incomplete()
    span = window("2026-03-01", "2026-03-08")
    lab.ingest("binance", THREE, span).raise_if_incomplete()
    lab.assert_truth("binance", THREE, span)


def test_an_outage_whose_witnesses_cannot_be_asked_is_not_called_a_quiet_hour(lab: Lab):
    span = window("2026-03-01", "2026-03-08")

    def nobody_else(path: str, body: bytes) -> bytes:
        return b"[]" if "klines" in path and "BTCUSDT" not in path else body

    lab.exchange.control(faults=outage("binance", "2026-03-04T03:00:00Z", "2026-03-04T09:00:00Z"))
    with relay(lab.exchange, nobody_else) as address:
        there = lab.with_settings(venues={"binance": {"base_url": f"{address}/binance"}})
        summary = there.ingest("binance", "BTCUSDT", span)
    assert summary.gaps_by_reason() == {"missing": 6}
    lab.ingest("binance", "BTCUSDT", span).raise_if_incomplete()
    lab.assert_truth("binance", "BTCUSDT", span)
