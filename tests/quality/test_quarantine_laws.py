"""Laws of the quarantine: no row is lost, and decisions in any order give one state."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from quarantine_support import (
    ODD,
    START,
    bring,
    candle,
    candles,
    empty,
    held,
    hour,
    missing,
    slot,
    values,
)

from market_assets.errors import RequestInvalid
from market_assets.quality.quarantine import drop, release
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.warehouse.ducklake import DuckLakeWarehouse

DAY = Window(START, START + 24 * HOUR_MS)


def in_a_shared_store(examples: int) -> settings:
    """Each example empties the store that all of them share."""
    return settings(deadline=None, derandomize=True, max_examples=examples)


BREAKS: list[dict[str, Any]] = [
    {},
    {},
    {"high": 100.0},
    {"low": 100.9},
    {"open": -1.0},
    {"close": None},
    {"close": float("nan")},
    {"high": float("inf")},
    {"volume": -0.5},
    {"num_trades": -1},
    {"taker_buy_volume": 99.0},
    {"timestamp": None},
    {"timestamp": hour(0) + timedelta(minutes=1)},
    {"interval": "7x"},
    {"symbol": "btc usdt"},
    {"symbol": None},
    {"source": None},
]
FRAMES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(BREAKS),
        st.sampled_from(BREAKS),
        st.sampled_from([1.0, 2.0]),
    ),
    min_size=1,
    max_size=10,
).map(
    lambda drawn: [
        candle(number) | {"volume": volume} | one | other for number, one, other, volume in drawn
    ]
)


@in_a_shared_store(25)
@given(rows=FRAMES)
def test_every_row_is_stored_or_quarantined_whatever_is_broken(
    shared: DuckLakeWarehouse, rows: list[dict[str, Any]]
) -> None:
    empty(shared)
    done = bring(shared, *rows)
    stored = [said(values(row)) for row in candles(shared)]
    told = [json.loads(entry.payload) for entry in held(shared)]
    quarantined = [said({name: row.get(name) for name in values(candle())}) for row in told]
    assert (len(stored), len(quarantined)) == (done.inserted, done.quarantined)
    incoming = [said(values(row)) for row in rows]
    # Each row is somewhere, and nothing is anywhere that did not come.
    assert set(incoming) == {*stored, *quarantined}
    # Where a row came once, it is there once; a copy of it is told once more, as a duplicate.
    once = [row for row in set(incoming) if incoming.count(row) == 1]
    assert all((stored + quarantined).count(row) == 1 for row in once)
    if len(once) == len(rows):
        assert len(rows) == len(stored) + len(quarantined)


def said(row: dict[str, Any]) -> str:
    return json.dumps(row, default=str, sort_keys=True)


def decide_one(warehouse: DuckLakeWarehouse, what: str, identity: str) -> None:
    if what == "release":
        release(warehouse, [identity], what)
    elif warehouse.quarantine_entries([identity])[0].status == "released":
        with pytest.raises(RequestInvalid, match="its row is stored"):
            drop(warehouse, [identity], what)
    else:
        drop(warehouse, [identity], what)


DECISIONS = st.lists(
    st.tuples(st.sampled_from(["release", "drop"]), st.integers(0, 2)), min_size=1, max_size=4
)


@in_a_shared_store(6)
@given(decisions=DECISIONS)
def test_decisions_in_any_order_and_any_number_of_times_give_one_state(
    shared: DuckLakeWarehouse, decisions: list[tuple[str, int]]
) -> None:
    empty(shared)
    bring(shared, *(candle(number, **ODD) for number in range(3)), within=slot(0, 180))
    of_hour = {entry.timestamp: entry.quarantine_id for entry in held(shared)}

    def decide() -> tuple[list[str], list[Any], Any]:
        for what, number in decisions:
            decide_one(shared, what, of_hour[hour(number)])
        states = {entry.timestamp: entry.status for entry in held(shared)}
        return [states[hour(n)] for n in range(3)], candles(shared), missing(shared, DAY)

    first = decide()
    expected = [
        "released"
        if ("release", number) in decisions
        else "dropped"
        if ("drop", number) in decisions
        else "held"
        for number in range(3)
    ]
    assert first[0] == expected
    assert [row["timestamp"] for row in first[1]] == [
        hour(number) for number, state in enumerate(expected) if state == "released"
    ]
    assert decide() == first
