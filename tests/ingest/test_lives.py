"""Listing, delisting and clocks: what could exist at all, and when."""

from __future__ import annotations

import json

import pytest
from lab_support import DIALECTS, Lab, ms, relay, window

from market_assets.errors import SymbolUnknown
from market_assets.schemas.timeline import HOUR_MS

ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)


# -- listing


@pytest.mark.parametrize(
    ("venue", "interval"),
    [("binance", "15m"), ("binance", "4h"), ("okx", "1h"), ("okx", "4h"), ("bybit", "1h")],
)
def test_a_symbol_listed_in_mid_candle_begins_with_that_candle(lab: Lab, venue: str, interval: str):
    """NEWUSDT was listed on 10 February at 13:37."""
    span = window("2026-02-09", "2026-02-12")
    summary = lab.ingest(venue, "NEWUSDT", span, interval)
    summary.raise_if_incomplete()
    lab.assert_truth(venue, "NEWUSDT", span, interval)
    assert set(lab.absences(venue, "NEWUSDT", span, interval).values()) == {"not_listed"}


@ALL_DIALECTS
def test_a_window_before_the_listing_is_complete_and_holds_nothing(lab: Lab, venue: str):
    span = window("2026-02-01", "2026-02-05")
    summary = lab.ingest(venue, "NEWUSDT", span)
    summary.raise_if_incomplete()
    assert summary.inserted == 0
    assert summary.gaps_by_reason() == {"not_listed": 96}
    lab.assert_truth(venue, "NEWUSDT", span)


def test_a_young_symbol_is_no_witness_of_an_outage(lab: Lab):
    span = window("2026-02-08", "2026-02-13")
    symbols = ("BTCUSDT", "ETHUSDT", "NEWUSDT")
    lab.exchange.control(faults={"no_trade_rate": 0.05})
    lab.ingest("binance", symbols, span).raise_if_incomplete()
    lab.assert_truth("binance", symbols, span)


@pytest.mark.parametrize("venue", ["binance", "aster"])
def test_candles_older_than_the_stated_listing_are_found_all_the_same(lab: Lab, venue: str):
    """Venues restate onboardDate, as after a migration: the oldest candle is what counts."""

    def later(path: str, body: bytes) -> bytes:
        if "exchangeInfo" not in path:
            return body
        told = json.loads(body)
        for entry in told["symbols"]:
            entry["onboardDate"] = max(entry["onboardDate"], ms("2026-02-12"))
        return json.dumps(told).encode()

    span = window("2026-02-08", "2026-02-14")
    symbols = ("BTCUSDT", "NEWUSDT")
    with relay(lab.exchange, later) as address:
        there = lab.with_settings(venues={venue: {"base_url": f"{address}/{venue}"}})
        there.ingest(venue, symbols, span).raise_if_incomplete()
    lab.assert_truth(venue, symbols, span)


# -- delisting


@ALL_DIALECTS
@pytest.mark.parametrize("zombies", [False, True])
def test_a_delisted_symbol_ends_where_the_venue_said(lab: Lab, venue: str, zombies: bool):
    """OLDUSDT ends on 5 March at 08:00; some venues go on with flat candles of no volume."""
    span = window("2026-03-03", "2026-03-08")
    lab.exchange.control(clock={"now": "2026-03-04T10:30:30Z"}, faults={"zombie_candles": zombies})
    lab.ingest(venue, "OLDUSDT", span).raise_if_incomplete()
    lab.exchange.control(clock={"now": "2026-03-10T10:30:30Z"})
    lab.ingest(venue, "OLDUSDT", span).raise_if_incomplete()
    lab.assert_truth(venue, "OLDUSDT", span)
    assert lab.candles(venue, "OLDUSDT", span)[-1]["timestamp"] == ms("2026-03-05T07:00")


@ALL_DIALECTS
def test_a_symbol_the_venue_no_longer_lists_is_still_downloaded_from_our_own_records(
    lab: Lab, venue: str
):
    lab.exchange.control(clock={"now": "2026-03-04T10:30:30Z"})
    lab.ingest(venue, (), window("2026-03-01", "2026-03-02"), dataset="instruments")
    lab.exchange.control(clock={"now": "2026-03-20T10:30:30Z"})
    span = window("2026-03-01", "2026-03-08")
    lab.ingest(venue, "OLDUSDT", span).raise_if_incomplete()
    lab.assert_truth(venue, "OLDUSDT", span)


@ALL_DIALECTS
def test_candles_after_we_last_saw_a_vanished_symbol_are_not_written_off(lab: Lab, venue: str):
    """Seen in mid February, before its end was announced; then it vanished in March."""
    lab.exchange.control(clock={"now": "2026-02-15T10:30:30Z"})
    lab.ingest(venue, (), window("2026-02-01", "2026-02-02"), dataset="instruments")
    lab.exchange.control(clock={"now": "2026-03-20T10:30:30Z"})
    span = window("2026-02-13", "2026-03-05")
    lab.ingest(venue, "OLDUSDT", span).raise_if_incomplete()
    lab.assert_truth(venue, "OLDUSDT", span)


def test_a_symbol_nobody_ever_saw_is_unknown_with_a_suggestion(lab: Lab):
    with pytest.raises(SymbolUnknown) as unknown:
        lab.ingest("binance", "BTCUSD", window("2026-03-01", "2026-03-02"))
    assert "Did you mean BTCUSDT" in unknown.value.action


def test_a_symbol_nobody_ever_saw_keeps_nothing_from_the_others(lab: Lab):
    """One typo in the settings must not cost the venue's other symbols their hours."""
    span = window("2026-03-01", "2026-03-02")
    summary = lab.ingest("binance", ("NOPEUSDT", "BTCUSDT", "BTCUSD"), span)
    lab.assert_truth("binance", "BTCUSDT", span)
    assert not summary.complete
    with pytest.raises(SymbolUnknown) as unknown:
        summary.raise_if_incomplete()
    assert "does not list NOPEUSDT, BTCUSD; the other symbols are stored" in str(unknown.value)


# -- clocks


@ALL_DIALECTS
@pytest.mark.parametrize("skew_hours", [-3, 3])
def test_the_venues_own_clock_says_what_has_closed(lab: Lab, venue: str, skew_hours: int):
    skew = {venue: skew_hours * HOUR_MS}
    lab.exchange.control(clock={"skew_ms": skew})
    span = window("2026-03-10", "2026-03-12")
    summary = lab.ingest(venue, "BTCUSDT", span)
    summary.raise_if_incomplete()
    assert summary.due.end == ms("2026-03-10T12:00") + skew_hours * HOUR_MS
    lab.assert_truth(venue, "BTCUSDT", span)


@pytest.mark.parametrize(
    ("seconds", "closed"), [("59:59.000", "11:00"), ("00:01.000", "11:00"), ("00:08.000", "12:00")]
)
def test_a_candle_is_due_a_grace_after_its_close(lab: Lab, seconds: str, closed: str):
    hour = 12 if seconds.startswith("59") else 13
    lab.exchange.control(clock={"now": f"2026-03-10T{hour}:{seconds}Z"})
    span = window("2026-03-10T10:00", "2026-03-10T14:00")
    patient = lab.with_settings(ingest={"close_grace_seconds": 5})
    patient.ingest("binance", "BTCUSDT", span).raise_if_incomplete()
    (*_, last) = lab.candles("binance", "BTCUSDT", span)
    assert last["timestamp"] == ms(f"2026-03-10T{closed}")


def test_a_window_that_has_not_begun_is_complete_and_empty_and_asked_for_later(lab: Lab):
    span = window("2026-03-10T13:00", "2026-03-10T15:00")
    summary = lab.ingest("binance", "BTCUSDT", span)
    summary.raise_if_incomplete()
    assert summary.inserted == 0
    lab.exchange.control(clock={"now": "2026-03-10T15:10:00Z"})
    lab.ingest("binance", "BTCUSDT", span).raise_if_incomplete()
    lab.assert_truth("binance", "BTCUSDT", span)
