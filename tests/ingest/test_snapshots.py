"""What is asked as it stands now: predicted funding, and the versions of the instruments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from lab_support import CALM, EVERY_VENUE, Lab, settings_for, window

from market_assets.schemas.datasets import FUNDING_PREDICTIONS, INSTRUMENTS
from market_assets.schemas.timeline import to_ms
from market_assets.simulator.process import running_simulator

ALL_VENUES = pytest.mark.parametrize("venue", EVERY_VENUE)
ANY = window("2026-03-01", "2026-03-02")
NOW = datetime(2026, 3, 10, 12, 34, 56, tzinfo=UTC)


@ALL_VENUES
def test_predictions_say_what_is_due_next_for_each_symbol(lab: Lab, venue: str):
    symbols = ("BTCUSDT", "1000PEPEUSDT")
    lab.ingest(venue, symbols, ANY, dataset="funding_predictions").raise_if_incomplete()
    rows = {r["symbol"]: r for r in lab.lake.read(venue, FUNDING_PREDICTIONS).to_pylist()}
    assert {s: r["next_funding_at"] for s, r in rows.items()} == {
        "BTCUSDT": datetime(2026, 3, 10, 16, tzinfo=UTC),
        "1000PEPEUSDT": datetime(2026, 3, 10, 16, tzinfo=UTC),
    }
    for row in rows.values():
        assert abs(row["predicted_rate"]) < 0.01
        assert 0 <= (row["timestamp"] - NOW).total_seconds() < 60, "in the venue's time"


def test_each_look_at_the_predictions_is_kept(lab: Lab):
    for clock in ("2026-03-10T12:34:56Z", "2026-03-10T13:34:56Z"):
        lab.exchange.control(clock={"now": clock})
        lab.ingest("binance", "BTCUSDT", ANY, dataset="funding_predictions")
    assert lab.lake.read("binance", FUNDING_PREDICTIONS).num_rows == 2


def test_a_prediction_that_cannot_be_had_makes_the_run_incomplete(lab: Lab):
    lab.exchange.control(faults={"http_503": 1.0, "fault_paths": ["funding"]})
    quick = lab.with_settings(http={"attempts": 2})
    summary = quick.ingest("binance", "BTCUSDT", ANY, dataset="funding_predictions")
    assert not summary.complete
    assert [item.symbol for item in summary.missing] == ["BTCUSDT"]


@ALL_VENUES
def test_instruments_are_stored_in_canonical_units(lab: Lab, venue: str):
    lab.ingest(venue, (), ANY, dataset="instruments").raise_if_incomplete()
    stored = {r["symbol"]: r for r in lab.lake.read(venue, INSTRUMENTS).to_pylist()}
    truth = {r["symbol"]: r for r in lab.exchange.truth(f"{venue}/instruments") if r["shown"]}
    assert set(stored) == set(truth)
    for symbol, true in truth.items():
        row = stored[symbol]
        assert row["native_symbol"] == true["venue_symbol"]
        assert row["tick_size"] == true["tick_size"]
        assert row["lot_size"] == pytest.approx(true["lot_size"])
        assert row["contract_size"] == true["contract_size"]
        assert to_ms(row["listed_at"]) == true["listed"]
        announced = true["delisted"] if true["delisting_announced"] else None
        assert (row["delisted_at"] and to_ms(row["delisted_at"])) == announced
        assert row["funding_interval_hours"] == true["funding_interval_hours"]


@pytest.fixture
def changing(lab: Lab) -> Iterator[Lab]:
    """A lab whose exchange nobody else sees: its instruments are going to change."""
    with running_simulator(CALM) as exchange:
        yield Lab(exchange, lab.lake, lab.folder, settings_for(exchange))


def test_a_list_that_comes_in_parts_is_followed_to_its_end(changing: Lab):
    """Bybit gives 1000 instruments at once."""
    more = [{"symbol": f"N{number}USDT"} for number in range(1001)]
    changing.exchange.control(instruments=more)
    changing.ingest("bybit", (), ANY, dataset="instruments").raise_if_incomplete()
    stored = set(changing.lake.read("bybit", INSTRUMENTS)["symbol"].to_pylist())
    assert {one["symbol"] for one in more} < stored


def test_a_change_of_an_instrument_is_a_new_version_and_the_old_one_ends(changing: Lab):
    def look() -> None:
        changing.ingest("binance", (), ANY, dataset="instruments").raise_if_incomplete()

    look()
    changing.exchange.control(clock={"now": "2026-03-11T12:00:00Z"})
    look()  # nothing has changed: no version
    changing.exchange.control(
        clock={"now": "2026-03-12T00:00:00Z"},
        instruments=[{"symbol": "UNIUSDT", "funding": [{"since": 0, "hours": 4}]}],
    )
    look()
    versions = sorted(
        changing.lake.read("binance", INSTRUMENTS, symbols=["UNIUSDT"]).to_pylist(),
        key=lambda row: row["valid_from"],
    )
    assert [v["funding_interval_hours"] for v in versions] == [8, 4]
    first, second = versions
    assert first["valid_to"] == second["valid_from"]
    assert second["valid_to"] is None
    assert changing.lake.read("binance", INSTRUMENTS, symbols=["BTCUSDT"]).num_rows == 1
