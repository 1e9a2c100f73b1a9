"""Looks of any kind, for laws that hold for all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from health_support import DAY, HOUR, MINUTE, NOW
from hypothesis import strategies as st

from market_assets.health.observed import (
    Backfill,
    BucketUse,
    CheckState,
    DayCompleteness,
    FailedRun,
    Horizon,
    InstrumentChange,
    Observed,
    PreviousLook,
    Series,
    Spend,
    Storage,
    StorageMoment,
    Ticker,
    VenueAnswers,
    VenueGate,
)

# Near limits, on them, far away, in the future, for ever.
NEAR = [n * MINUTE for n in (-6, -5, 0, 1, 10, 15, 119, 120, 121, 181)]
FAR = [n * HOUR for n in (-9600, -1, 4, 11, 23, 25, 72, 2160, 96_000)]
ages = st.sampled_from(NEAR + FAR) | st.timedeltas(-DAY, 4 * DAY)
moments = ages.map(lambda age: NOW - age)
maybe = st.none() | moments
venues = st.sampled_from(["binance", "okx"])
symbols = st.sampled_from(["BTCUSDT", "ETHUSDT", "UNIUSDT"])
counts = st.sampled_from([0, 1, 4, 5, 19, 20, 100, 10**12])
outcomes = st.dictionaries(st.sampled_from(["timeout", "refused", "cancelled"]), counts)
every = st.sampled_from([MINUTE, HOUR, 8 * HOUR, DAY])
words = st.sampled_from(["", "a", "b"])


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(strategy, max_size=4).map(tuple)


def unique_by(key: Any) -> Any:
    return lambda many: None if many is None else tuple({key(one): one for one in many}.values())


collected = st.builds(
    Series,
    venues,
    st.sampled_from(["ohlcv", "funding_rates"]),
    st.sampled_from(["", "1h"]),
    symbols,
    every,
    newest_data_at=maybe,
    newest_ingestion_at=maybe,
    listed_at=maybe,
    delisted_at=maybe,
    collect_from=maybe,
    collect_until=maybe,
    wanted_since=maybe,
    is_halted=st.booleans(),
)
answers = st.builds(
    VenueAnswers,
    venues,
    counts,
    outcomes,
    st.none() | st.floats(0, 1e9),
    maybe,
    maybe,
    outcomes,
)
previous = st.builds(
    PreviousLook,
    moments,
    st.sampled_from([timedelta(seconds=5), MINUTE, HOUR]),
    st.frozensets(
        st.sampled_from(
            [
                ("venue_down", "binance", ""),
                ("freshness", "binance ohlcv", "BTCUSDT 1h"),
                ("error_rate", "okx", ""),
                ("disk_left", "", ""),
            ]
        )
    ),
)
looks = st.builds(
    Observed,
    series=several(collected).map(unique_by(lambda s: (s.venue, s.dataset, s.interval, s.symbol))),
    answers=several(answers).map(unique_by(lambda a: a.venue)),
    gates=several(
        st.builds(
            VenueGate,
            venues,
            st.builds(BucketUse, words, counts, counts, st.just(60.0)).map(lambda one: (one,)),
            maybe,
            maybe,
            words,
        )
    ).map(unique_by(lambda g: g.venue)),
    completeness=several(
        st.builds(
            DayCompleteness,
            venues,
            st.just("ohlcv"),
            st.just("1h"),
            symbols,
            moments.map(lambda at: at.date()),
            *[counts] * 5,
        )
    ).map(unique_by(lambda d: (d.venue, d.symbol, d.day))),
    checks=several(
        st.builds(
            CheckState,
            st.sampled_from(["raw.binance_ohlcv", "marts.ohlcv"]),
            words,
            st.sampled_from(["error", "warn"]),
            st.booleans(),
            moments,
            counts,
        )
    ),
    failed_runs=several(
        st.builds(
            FailedRun, st.uuids().map(str), words, words, moments, words, maybe, st.booleans()
        )
    ),
    backfills=several(
        st.builds(
            Backfill,
            words,
            words,
            st.sampled_from(["running", "succeeded", "failed", "canceled"]),
            moments,
            maybe,
            maybe,
            counts,
            counts,
            counts,
        )
    ).map(unique_by(lambda b: (b.target, b.backfill_id))),
    tickers=several(
        st.builds(
            Ticker,
            st.sampled_from(["daemon", "schedule", "sensor"]),
            words,
            st.booleans(),
            maybe,
            maybe,
            maybe,
            st.none() | every,
            words,
        )
    ).map(unique_by(lambda t: (t.kind, t.name))),
    storage=st.none()
    | st.builds(
        Storage,
        st.none() | counts,
        st.none(),
        st.lists(st.builds(StorageMoment, moments, counts), max_size=3).map(tuple),
        st.none() | counts,
        st.none() | counts,
    ),
    horizons=several(
        st.builds(
            Horizon,
            venues,
            st.just("funding_rates"),
            symbols,
            st.just(90 * DAY),
            st.lists(st.tuples(moments, moments).map(sorted).map(tuple), max_size=3).map(tuple),
        )
    ).map(unique_by(lambda h: (h.venue, h.symbol))),
    instrument_changes=several(
        st.builds(
            InstrumentChange,
            venues,
            symbols,
            st.sampled_from(["listed", "delisted", "tick_size"]),
            words,
            words,
            moments,
            maybe,
        )
    ),
    spend=st.none()
    | st.builds(
        Spend,
        moments.map(lambda at: at.date()),
        st.floats(0, 1e6),
        st.sampled_from([0.0, 1.0, 100.0]),
        is_released=st.booleans(),
    ),
    previous=st.none() | previous,
    began_at=maybe,
    resumed_at=maybe,
)
