"""The checksum of a copy: the same for the same rows, and for nothing else."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.warehouse.checksum import Checksum, checksum

SCHEMA = pa.schema(
    [
        ("timestamp", pa.timestamp("us")),
        ("symbol", pa.string()),
        ("close", pa.float64()),
        ("num_trades", pa.int64()),
        ("is_backfill", pa.bool_()),
    ]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.none()
            | st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)),
            "symbol": st.none() | st.text(max_size=8),
            "close": st.none() | st.floats(allow_nan=False),
            "num_trades": st.none() | st.integers(-(2**63), 2**63 - 1),
            "is_backfill": st.none() | st.booleans(),
        }
    ),
    max_size=12,
)
OTHERS: dict[str, Any] = {
    "timestamp": datetime(2101, 1, 1),
    "symbol": "another symbol",
    "close": 0.5000000000000001,
    "num_trades": 7,
}


def table(rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


@settings(deadline=None, max_examples=40)
@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_neither_the_order_nor_the_cutting_of_rows_and_columns_matters(
    rows: list[dict[str, Any]], shuffler: random.Random, cut: int
) -> None:
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    turned = pa.schema(list(SCHEMA)[::-1])
    parts = [checksum(table(shuffled[:cut], turned)), checksum(table(shuffled[cut:]))]
    assert sum(parts, Checksum()) == checksum(table(rows))
    assert checksum(pa.concat_tables([table(shuffled[:cut]), table(shuffled[cut:])])) == checksum(
        table(rows)
    )


@settings(deadline=None, max_examples=40)
@given(ROWS.filter(bool), st.integers(0, 11), st.sampled_from([*OTHERS]))
def test_one_value_that_differs_is_another_checksum(
    rows: list[dict[str, Any]], place: int, column: str
) -> None:
    row = rows[place % len(rows)]
    for value in (OTHERS[column], None):
        if row[column] != value:
            changed = [one if one is not row else {**row, column: value} for one in rows]
            assert checksum(table(changed)) != checksum(table(rows))


@settings(deadline=None, max_examples=40)
@given(ROWS.filter(bool))
def test_a_row_twice_and_a_row_less_are_other_checksums(rows: list[dict[str, Any]]) -> None:
    twice, less = checksum(table([*rows, rows[0]])), checksum(table(rows[1:]))
    assert len({twice, less, checksum(table(rows))}) == 3
    # Two of them do not cancel out either.
    assert checksum(table([*rows, rows[0], rows[0]])).sums != checksum(table(rows)).sums


def test_values_that_change_places_are_another_checksum() -> None:
    one = table([{"symbol": "a", "close": 1.0, "num_trades": 2}])
    other = table([{"symbol": "a", "close": 2.0, "num_trades": 1}])
    crossed = [{"symbol": "a", "close": 1.0}, {"symbol": "b", "close": 2.0}]
    straight = [{"symbol": "a", "close": 2.0}, {"symbol": "b", "close": 1.0}]
    assert checksum(one) != checksum(other)
    assert checksum(table(crossed)) != checksum(table(straight))


def test_a_zone_does_not_matter_and_both_zeros_are_equal() -> None:
    moment = datetime(2026, 3, 10, 12)
    naive = table([{"timestamp": moment, "close": 0.0}])
    zoned = pa.schema([("timestamp", pa.timestamp("us", "UTC")), *list(SCHEMA)[1:]])
    assert checksum(naive.cast(zoned)) == checksum(naive)
    assert checksum(table([{"timestamp": moment, "close": -0.0}])) == checksum(naive)


def test_nothing_is_the_checksum_of_no_rows() -> None:
    assert checksum(table([])) == Checksum()
