"""The estimate of a bill: by hand, and the laws that it obeys for any tables and statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.settings import Settings
from market_assets.warehouse.estimate import (
    MIB,
    TIB,
    Cost,
    Prices,
    Scan,
    Span,
    Statement,
    TableFacts,
    price,
)

FREE_OF_MINIMUM = Prices(6.25, 0)
LIST = Prices()
COLUMNS = ("timestamp", "symbol", "close", "is_backfill")
WIDTHS = {"timestamp": 8, "symbol": 9, "close": 8, "is_backfill": 1}

spans = st.builds(
    lambda first, days, rows: Span(first, first + days, rows),
    st.integers(0, 400),
    st.integers(0, 60),
    st.integers(0, 10**9),
)
tables = st.builds(
    lambda found, undated: TableFacts(WIDTHS, tuple(found), undated),
    st.lists(spans, max_size=5),
    st.integers(0, 10**9),
)
days = st.one_of(st.none(), st.integers(0, 500))
columns = st.one_of(st.none(), st.lists(st.sampled_from(COLUMNS), unique=True).map(tuple))
scans = st.builds(
    Scan, st.sampled_from(("raw.a", "raw.b", "raw.gone")), columns, days, days, st.booleans()
)
statements = st.builds(
    Statement,
    st.just("read"),
    st.lists(scans, max_size=4).map(tuple),
    st.lists(st.integers(0, 10**9), max_size=2).map(tuple),
)


def billed(facts: TableFacts, scan: Scan, prices: Prices = FREE_OF_MINIMUM) -> Cost:
    return price(Statement("read", (scan,)), {scan.table: facts}, prices)


def test_a_read_costs_the_columns_that_it_names_in_the_days_that_are_left():
    """100 days of 24,000 rows; ten of them: 240,000 rows of 8 + 9 bytes are 4,080,000."""
    facts = TableFacts(WIDTHS, (Span(0, 99, 2_400_000),))
    cost = billed(facts, Scan("raw.a", ("timestamp", "symbol"), 10, 19))
    assert cost.bytes_processed == 4_080_000
    assert cost.bytes_billed == 4 * MIB  # 3.89 MB, rounded up
    assert cost.dollars == pytest.approx(4 * MIB / TIB * 6.25)


def test_each_table_counts_for_ten_megabytes_at_least():
    small = TableFacts(WIDTHS, (Span(0, 0, 1),))
    two = Statement("read", (Scan("raw.a"), Scan("raw.b")))
    assert price(two, {"raw.a": small, "raw.b": small}, LIST).bytes_billed == 20 * MIB


def test_a_merge_costs_what_it_scans_and_its_days_whole_and_the_staged_rows():
    """A day of 1,000 rows: 17 bytes scanned and 26 rewritten are 43,000; 5,000 were staged."""
    facts = TableFacts(WIDTHS, (Span(7, 7, 1000), Span(8, 8, 10**6)))
    target = Scan("raw.a", ("timestamp", "symbol"), 7, 7, rewrites=True)
    statement = Statement("commit", (target,), (5000,))
    assert price(statement, {"raw.a": facts}, FREE_OF_MINIMUM).bytes_processed == 48_000
    assert price(statement, {"raw.a": facts}, LIST).bytes_billed == 20 * MIB


def test_a_table_that_is_named_twice_is_read_once():
    facts = TableFacts(WIDTHS, (Span(0, 9, 1000),))
    twice = Statement("read", (Scan("raw.a", ("close",), 0, 0), Scan("raw.a", ("symbol",), 9, 9)))
    cost = price(twice, {"raw.a": facts}, FREE_OF_MINIMUM)
    assert cost.bytes_processed == 1000 * (8 + 9)


def test_a_load_is_free():
    assert price(Statement("load"), {}, LIST) == Cost()


def test_a_pattern_is_every_table_that_fits():
    facts = TableFacts(WIDTHS, (), 10)
    known = {"raw.okx_ohlcv": facts, "raw.aster_ohlcv": facts, "raw.okx_funding_rates": facts}
    cost = price(Statement("status", (Scan("raw.*_ohlcv", ("close",)),)), known, LIST)
    assert (cost.bytes_processed, cost.bytes_billed) == (160, 20 * MIB)


def test_the_prices_are_those_of_the_settings():
    settings = Settings.model_validate(
        {"marts": {"scan_dollars_per_tib": 8.0}, "costs": {"minimum_bytes": 0}}
    )
    assert Prices.of(settings) == Prices(8.0, 0, settings.costs.maximum_bytes_billed)
    assert Prices.of(Settings.model_validate({})) == LIST


@given(statements, tables, tables)
def test_no_bill_is_below_what_is_read_nor_below_the_minimum(
    statement: Statement, one: TableFacts, other: TableFacts
):
    known = {"raw.a": one, "raw.b": other}
    cost = price(statement, known, LIST)
    assert cost.bytes_billed >= cost.bytes_processed
    assert cost.bytes_billed % MIB == 0
    read = len({scan.table for scan in statement.scans}) + len(statement.staged)
    assert cost.bytes_billed >= read * LIST.minimum_bytes
    assert (cost.bytes_billed == 0) == (read == 0)
    assert cost.dollars == pytest.approx(cost.bytes_billed / TIB * LIST.dollars_per_tib)


@given(tables, scans, st.sampled_from(COLUMNS))
def test_another_column_never_makes_it_cheaper(facts: TableFacts, scan: Scan, column: str):
    wider = Scan(
        scan.table,
        None if scan.columns is None else (*scan.columns, column),
        scan.first_day,
        scan.last_day,
        scan.rewrites,
    )
    assert billed(facts, wider).bytes_processed >= billed(facts, scan).bytes_processed


@given(tables, scans, st.integers(0, 50), st.integers(0, 50))
def test_more_days_never_make_it_cheaper(facts: TableFacts, scan: Scan, before: int, after: int):
    first = None if scan.first_day is None else scan.first_day - before
    last = None if scan.last_day is None else scan.last_day + after
    longer = Scan(scan.table, scan.columns, first, last, scan.rewrites)
    assert billed(facts, longer).bytes_processed >= billed(facts, scan).bytes_processed


@given(tables, scans, spans)
def test_more_rows_never_make_it_cheaper(facts: TableFacts, scan: Scan, more: Span):
    larger = TableFacts(facts.widths, (*facts.spans, more), facts.undated_rows)
    assert billed(larger, scan).bytes_processed >= billed(facts, scan).bytes_processed


@given(st.lists(spans, min_size=1, max_size=5), st.integers(0, 460))
def test_days_that_are_cut_in_two_cost_together_what_they_cost_at_once(found: list[Span], cut: int):
    facts = TableFacts(WIDTHS, tuple(found))
    assert facts.rows(None, cut) + facts.rows(cut + 1, None) == pytest.approx(facts.rows())
