"""Arrow columns made without pandas hold what pyarrow's own would."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.schemas import arrow

moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), st.text(max_size=5)),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.int64(), st.integers(-(2**62), 2**62)),
    (pa.bool_(), st.booleans()),
    (pa.timestamp("us", tz="UTC"), moments),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "values"), KINDS, ids=[str(kind) for kind, _ in KINDS])
@given(data=st.data())
def test_a_column_equals_the_one_pyarrow_makes(
    kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
):
    given_values = data.draw(st.lists(st.none() | values, max_size=20))
    assert arrow.column(given_values, kind).equals(pa.array(given_values, kind))


@given(st.lists(st.booleans(), max_size=40))
def test_a_mask_selects_what_it_says(bits: list[bool]):
    selected = pa.table({"n": range(len(bits))}).filter(arrow.mask(np.array(bits, dtype=bool)))
    assert [n for n, bit in enumerate(bits) if bit] == selected.column("n").to_pylist()


def test_a_constant_is_its_value_as_often_as_asked():
    assert arrow.constant("x", pa.string(), 3).to_pylist() == ["x", "x", "x"]
    assert arrow.constant(None, pa.int64(), 2).to_pylist() == [None, None]
    assert arrow.constant(1.5, pa.float64(), 0).to_pylist() == []


def test_numbers_written_as_text_are_read_and_text_that_is_none_is_refused():
    assert arrow.column(["0.1", "2"], pa.float64()).to_pylist() == [0.1, 2.0]
    with pytest.raises(ValueError, match="could not convert"):
        arrow.column(["x"], pa.float64())
    with pytest.raises(ValueError, match="invalid literal"):
        arrow.column(["1.5"], pa.int64())


def test_no_pandas_is_imported():
    code = (
        "import sys, pyarrow as pa; from market_assets.schemas import arrow;"
        "arrow.table([{'a': 'x', 'b': 1.0}], pa.schema([('a', pa.string()), ('b', pa.float64())]));"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("kind", "values"), [KINDS[1], KINDS[2], KINDS[4]], ids=["float", "integer", "time"]
)
@given(data=st.data())
def test_numbers_are_read_as_they_are_stored_and_null_is_nan(
    kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
):
    given_values = data.draw(st.lists(st.none() | values, max_size=20))
    chunked = pa.chunked_array([pa.array(given_values[:7], kind), pa.array(given_values[7:], kind)])
    stored = chunked if pa.types.is_floating(kind) else chunked.cast(pa.int64())
    expected = [np.nan if v is None else v for v in stored.to_pylist()]
    found = arrow.numbers(chunked)
    if None in given_values:
        assert np.array_equal(np.array(expected, dtype=float), found, equal_nan=True)
    else:
        assert expected == found.tolist()
    part = pa.array(given_values, kind)[3:9]
    assert len(arrow.numbers(part)) == len(part), "a slice starts where it starts"
