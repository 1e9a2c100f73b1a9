"""The law itself: for any window, chunking and order of faults the truth is stored or named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lab_support import CALM, EVERY_VENUE, Lab, ms, settings_for

from market_assets.schemas.timeline import DAY_MS, HOUR_MS, INTERVALS, Window
from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse

# Around the listing of NEWUSDT on 10 February, 13:37.
EPOCH = ms("2026-02-07")
OUTAGE_HOURS = ("2026-02-09T03:00", "2026-02-09T09:00")
OUTAGE = tuple(ms(time) for time in OUTAGE_HOURS)
MOST_RUNS = 3

faults = st.fixed_dictionaries(
    {},
    optional={
        "http_500": st.sampled_from([0.1, 0.3]),
        "cut_json": st.sampled_from([0.1, 0.3]),
        "cut_connection": st.just(0.1),
        "empty_page": st.sampled_from([0.1, 0.5, 0.9]),
        "short_page": st.sampled_from([0.3, 1.0]),
        "duplicates": st.just(0.3),
        "bad_row": st.sampled_from([0.1, 0.5]),
    },
)
markets = st.fixed_dictionaries(
    {"no_trade_rate": st.sampled_from([0.0, 0.03]), "lost_rate": st.sampled_from([0.0, 0.03])}
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, Window]:
    interval = draw(st.sampled_from(["5m", "1h", "4h"]))
    step = INTERVALS[interval]
    longest = {"5m": 8 * HOUR_MS, "1h": 96 * HOUR_MS, "4h": 240 * HOUR_MS}[interval]
    start = EPOCH + draw(st.integers(0, 144 * HOUR_MS // step)) * step
    return interval, Window(start, start + draw(st.integers(1, longest // step)) * step)


@pytest.mark.slow
@settings(
    max_examples=10,  # others in each run, at more than a second of CPU each
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking runs takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    venue=st.sampled_from(EVERY_VENUE),
    asked=windows(),
    symbols=st.sampled_from([("BTCUSDT",), ("ETHUSDT", "NEWUSDT"), ("BTCUSDT", "UNIUSDT")]),
    wrong=faults,
    market=markets,
    out=st.booleans(),
    commit_rows=st.sampled_from([100, 600]),
    attempts=st.sampled_from([2, 6]),
)
def test_stored_is_what_exists_and_every_absent_candle_is_named(
    running_exchange: RunningSimulator,
    empty_lake: Path,
    tmp_path_factory: pytest.TempPathFactory,
    venue: str,
    asked: tuple[str, Window],
    symbols: tuple[str, ...],
    wrong: dict[str, Any],
    market: dict[str, Any],
    out: bool,
    commit_rows: int,
    attempts: int,
):
    interval, span = asked
    start, end = (f"{time}:00Z" for time in OUTAGE_HOURS)
    outage = {"venue": venue, "start": start, "end": end}
    market = market | {"outages": [outage] if out else []}
    running_exchange.control(clock=None, limits=None, faults=None)
    running_exchange.control(**CALM | {"faults": market | wrong})
    folder = tmp_path_factory.mktemp("law")
    shutil.copytree(empty_lake, folder / "warehouse")
    given_settings = settings_for(
        running_exchange,
        ingest={"commit_rows": commit_rows},
        http={"attempts": attempts, "breaker_failures": 1000},
    )
    with DuckLakeWarehouse(folder / "warehouse", venues=EVERY_VENUE) as lake:
        lab = Lab(running_exchange, lake, folder, given_settings)
        truth = {s: lab.true_candles(venue, s, span, interval) for s in symbols}
        absent = {s: lab.true_absences(venue, s, span, interval) for s in symbols}
        for _ in range(MOST_RUNS):
            summary = lab.ingest(venue, symbols, span, interval)
            for symbol in symbols:
                stored = lab.candles(venue, symbol, span, interval)
                named = lab.absences(venue, symbol, span, interval)
                # Nothing false is ever stored, each slot is stored or named, none is both, and
                # no candle that exists is excused.
                assert all(row in truth[symbol] for row in stored)
                assert {row["timestamp"] for row in stored} | set(named) == set(
                    span.grid(INTERVALS[interval])
                )
                assert len(stored) + len(named) == len(span.grid(INTERVALS[interval]))
                excused = {t for t, why in named.items() if why != "missing"}
                assert excused <= {t for t, why in absent[symbol].items() if why != "missing"}
            if summary.complete:
                break
        # The venue gets well: the next run has the truth, to the last candle.
        running_exchange.control(faults=None)
        running_exchange.control(faults=market)
        lab.ingest(venue, symbols, span, interval)
        lab.assert_truth(venue, symbols, span, interval, reasons=False)
        for symbol in symbols:
            named = lab.absences(venue, symbol, span, interval)
            missing = {t for t, why in named.items() if why == "missing"}
            lost = {t for t, why in absent[symbol].items() if why == "missing"}
            assert lost <= missing, "what was lost is never excused"
            # A longer candle that also holds a lost one, beyond the window perhaps, proves nothing.
            nearby = Window(span.start - DAY_MS, span.end + DAY_MS)
            if "missing" in lab.true_absences(venue, symbol, nearby, interval).values():
                continue
            if not (out and any(OUTAGE[0] < edge < OUTAGE[1] for edge in (span.start, span.end))):
                assert named == absent[symbol]
            else:
                # An outage far beyond the window is proven once all of it is asked for.
                assert all(why in {"missing", absent[symbol][t]} for t, why in named.items())
