"""A run asks only for what is left; one that is stopped keeps what is done and names the rest."""

from __future__ import annotations

from typing import Any

import pytest
from lab_support import DIALECTS, Lab, ms, window

from market_assets.errors import CircuitOpen, GeoBlocked, VenueThrottled
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import merge, subtract, to_ms

TWO = ("BTCUSDT", "ETHUSDT")
SPAN = window("2026-01-20", "2026-03-06")
SMALL = {"ingest": {"commit_rows": 500}}


def data_requests(lab: Lab, venue: str = "binance") -> int:
    paths = lab.exchange.stats()[venue]["by_path"]
    return sum(n for path, n in paths.items() if "klines" in path or "candles" in path)


def test_a_complete_window_is_not_asked_for_again(lab: Lab):
    lab.ingest("binance", TWO, SPAN).raise_if_incomplete()
    lab.exchange.control(reset_stats=True)
    again = lab.ingest("binance", TWO, SPAN)
    again.raise_if_incomplete()
    assert data_requests(lab) == 0
    assert again.already_complete == 2 * 45 * 24
    assert (again.inserted, again.unchanged) == (0, 0)


def test_settled_gaps_are_not_asked_for_again_but_still_told(lab: Lab):
    lab.exchange.control(faults={"no_trade_rate": 0.02})
    first = lab.ingest("binance", TWO, SPAN)
    lab.exchange.control(reset_stats=True)
    again = lab.ingest("binance", TWO, SPAN)
    again.raise_if_incomplete()
    assert data_requests(lab) == 0
    assert again.gaps_by_reason() == first.gaps_by_reason() != {}


def test_a_longer_window_asks_only_for_its_new_part(lab: Lab):
    lab.ingest("binance", TWO, window("2026-01-20", "2026-02-20")).raise_if_incomplete()
    lab.exchange.control(reset_stats=True)
    lab.ingest("binance", TWO, SPAN).raise_if_incomplete()
    assert data_requests(lab) == len(TWO), "14 days are one page a symbol"
    lab.assert_truth("binance", TWO, SPAN)


def test_interior_holes_are_work_like_any_other(lab: Lab):
    for start, end in (("2026-01-20", "2026-01-25"), ("2026-02-01", "2026-02-05")):
        lab.ingest("binance", TWO, window(start, end)).raise_if_incomplete()
    lab.ingest("binance", TWO, SPAN).raise_if_incomplete()
    lab.assert_truth("binance", TWO, SPAN)


def test_only_the_missing_intervals_are_asked_for_again(lab: Lab):
    lab.exchange.control(faults={"lost_rate": 0.004})
    first = lab.ingest("binance", "BTCUSDT", SPAN)
    assert first.missing
    covered = lab.lake.covered("binance", OHLCV, "1h", ["BTCUSDT"], SPAN)["BTCUSDT"]
    assert subtract([SPAN], covered) == merge(item.gap.window for item in first.missing)
    lab.exchange.control(faults={"lost_rate": 0.0})  # the venue has found them again
    again = lab.ingest("binance", "BTCUSDT", SPAN)
    again.raise_if_incomplete()
    assert again.inserted == sum(len(item.gap.window.grid(3_600_000)) for item in first.missing)
    lab.assert_truth("binance", "BTCUSDT", SPAN)


# -- stopped in the middle


STOPS: dict[str, tuple[dict[str, Any], dict[str, Any], type[Exception], int]] = {
    "ban": (
        {"fault": "http_418", "start_request": 3, "end_request": 3},
        {"max_pause_seconds": 2},
        VenueThrottled,
        4,
    ),
    "circuit": (
        {"fault": "http_503", "start_request": 3, "end_request": 10**6},
        {"breaker_failures": 6, "breaker_first_pause_seconds": 0.2,
         "breaker_next_pause_seconds": 60},
        CircuitOpen,
        4,
    ),
    "geo": (
        {"fault": "http_451", "start_request": 3, "end_request": 10**6},
        {},
        GeoBlocked,
        5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", STOPS)
@pytest.mark.parametrize("venue", ["binance", "aster"])
def test_a_stopped_run_keeps_what_is_done_and_names_the_rest(lab: Lab, venue: str, how: str):
    fault, http, error, exit_code = STOPS[how]
    lab.exchange.control(
        faults={"schedule": [fault], "retry_after": 600},
        limits={"enforce": False, "aster_retry_after": True},
    )
    stopped = lab.with_settings(**SMALL, http=http, venues={venue: {"concurrency": 1}})
    summary = stopped.ingest(venue, TWO, SPAN)
    assert not summary.complete
    with pytest.raises(error) as failure:
        summary.raise_if_incomplete()
    assert failure.value.exit_code == exit_code
    assert failure.value.facts["missing"], "the rest is named"
    for symbol in TWO:
        stored = {row["timestamp"] for row in lab.candles(venue, symbol, SPAN)}
        named = merge(item.gap.window for item in summary.missing if item.symbol == symbol)
        assert stored, "what was done is kept"
        assert named
        assert {t for t in SPAN.grid(3_600_000) if t not in stored} == {
            t for span in named for t in span.grid(3_600_000)
        }
    # The next run, when the venue is well, asks for the rest and has the truth.
    lab.exchange.control(faults={"schedule": []}, limits=None, reset_stats=True)
    lab.exchange.control(limits={"enforce": False})
    again = lab.with_settings(state_dir="state-later").ingest(venue, TWO, SPAN)
    again.raise_if_incomplete()
    assert again.already_complete > 0
    assert data_requests(lab, venue) < 2 * 3 + 1
    lab.assert_truth(venue, TWO, SPAN)


def test_a_ban_within_our_patience_is_a_pause_and_not_a_failure(lab: Lab):
    ban = {"fault": "http_418", "start_request": 3, "end_request": 3}
    lab.exchange.control(faults={"schedule": [ban], "retry_after": 2})
    lab.ingest("binance", TWO, SPAN).raise_if_incomplete()
    lab.assert_truth("binance", TWO, SPAN)
    # One met it; what was on its way at that moment may have met it, too.
    banned = lab.requests("outcome = 'banned'")
    assert 1 <= len(banned) <= 2 * len(TWO)
    assert {row["status"] for row in banned} == {418}


# -- what a run leaves behind


@pytest.mark.parametrize("venue", DIALECTS)
def test_every_request_of_a_run_leaves_its_row(lab: Lab, venue: str):
    lab.exchange.control(faults={"http_500": 0.3, "cut_json": 0.3})
    summary = lab.ingest(venue, TWO, window("2026-01-20", "2026-03-06"), run_id="run-7")
    rows = lab.requests()
    assert len(rows) == lab.exchange.stats()[venue]["requests"] == summary.requests
    assert {row["run_id"] for row in rows} == {"run-7"}
    assert {row["outcome"] for row in rows} - {"ok"} <= {"malformed", "server_error"}
    assert summary.failed_requests == sum(row["outcome"] != "ok" for row in rows) > 0
    assert summary.weight == sum(row["weight"] for row in rows)


def test_rows_say_where_and_when_they_came_from(lab: Lab):
    span = window("2026-03-07", "2026-03-10T12:00")
    lab.ingest("binance", "BTCUSDT", span, run_id="run-7")
    rows = lab.lake.ask(
        'select run_id, source, is_backfill, "timestamp" as t from raw.binance_ohlcv'
    ).to_pylist()
    assert {(row["run_id"], row["source"]) for row in rows} == {("run-7", "rest")}
    day_before = ms("2026-03-09T12:34")
    assert all(row["is_backfill"] == (to_ms(row["t"]) < day_before) for row in rows)
