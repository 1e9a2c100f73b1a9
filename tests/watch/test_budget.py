"""Arithmetic of the day's budget: sums by day, month and asset, and what the month comes to."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.warehouse.costs import DaySpend
from market_assets.watch.budget import Sum, begin_of_month, is_used_up, projected, tally

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def spent(day: int, dollars: float, asset: str = "raw.a", month: int = 11) -> DaySpend:
    return DaySpend(date(2026, month, day), "read", asset, 2, 10, 20, dollars)


def test_days_are_added_up_by_asset_and_the_dearest_is_first():
    found = tally([spent(20, 1.0), spent(21, 0.5), spent(21, 4.0, "marts.b")], NOW)
    assert [one.asset for one in found.assets] == ["marts.b", "raw.a"]
    assert (found.total.today, found.total.month) == (4.5, 5.5)
    assert (found.total.statements_today, found.total.bytes_billed_today) == (4, 40)
    assert found.assets[1].sum.today == 0.5


def test_another_month_and_the_days_to_come_do_not_count():
    found = tally([spent(31, 9.0, month=10), spent(22, 9.0), spent(1, 9.0, month=12)], NOW)
    assert found.total == Sum()
    assert found.assets == ()


@pytest.mark.parametrize(
    ("first", "dollars", "comes_to"),
    [
        # 20.5 of 30 days are over, and the 9.5 that are left cost the same
        (1, 20.5, 30.0),
        # begun yesterday at midnight: 1.5 days cost 3, and 9.5 days are left
        (20, 3.0, 3.0 + 2 * 9.5),
        # begun today: half a day counts as one, and nine more days are left
        (21, 2.0, 2.0 + 2 * 9.0),
    ],
)
def test_a_month_goes_on_at_the_pace_since_its_first_cost(
    first: int, dollars: float, comes_to: float
):
    assert projected(dollars, date(2026, 11, first), NOW) == pytest.approx(comes_to)


def test_the_last_moment_of_a_month_projects_what_was_spent():
    last = datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)
    assert projected(7.0, date(2026, 11, 3), last) == pytest.approx(7.0)


def test_days_are_those_of_utc():
    """In Tokyo it is the 22nd already."""
    tokyo = datetime(2026, 11, 22, 5, tzinfo=timezone(timedelta(hours=9)))
    assert tally([spent(21, 1.0)], tokyo).total.today == 1.0
    new_year = datetime(2027, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert begin_of_month(new_year) == datetime(2026, 12, 1, tzinfo=UTC)


def test_a_budget_is_used_up_when_it_is_reached_and_not_released():
    assert is_used_up(1.0, 1.0, released=False)
    assert not is_used_up(0.999, 1.0, released=False)
    assert not is_used_up(5.0, 1.0, released=True)
    assert not is_used_up(0.0, 0.0, released=False), "nothing uses nothing up"


@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1e6), st.sampled_from("abc"))),
    st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30, 23, 59)),
)
def test_the_parts_are_the_whole_and_no_month_ends_below_what_it_has_cost(
    given_days: list[tuple[int, float, str]], moment: datetime
):
    now = moment.replace(tzinfo=UTC)
    found = tally([spent(day, dollars, asset) for day, dollars, asset in given_days], now)
    assert sum(one.sum.month for one in found.assets) == pytest.approx(found.total.month)
    assert sum(one.sum.today for one in found.assets) == pytest.approx(found.total.today)
    for one in (found.total, *(part.sum for part in found.assets)):
        assert one.today <= one.month * (1 + 1e-9)
        assert one.projected >= one.month * (1 - 1e-9)
        days = calendar.monthrange(now.year, now.month)[1]
        assert one.projected <= one.month * days * (1 + 1e-9)
