"""Which days have to be built again: exactly those whose numbers a change is in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market_assets.marts.due import Due, Model, due
from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, to_ms
from market_assets.warehouse.contract import Build, Change

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 31)
BARS = Model("daily_ohlcv", 0, frozenset({"ohlcv"}))
FEATURES = Model("features_daily", 3, frozenset({"ohlcv", "funding_rates"}))
RATES = Model("funding_rates", 0, frozenset({"funding_rates"}))
MODELS = (BARS, RATES, FEATURES)


def at(minute: int) -> datetime:
    return datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=minute)


def changed(day: date, minute: int, dataset: str = "ohlcv", days: int = 1) -> Change:
    start = to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return Change(
        dataset, Window(start + HOUR_MS, start + (days - 1) * DAY_MS + 2 * HOUR_MS), at(minute)
    )


def test_a_changed_day_is_built_with_the_later_days_that_look_back_to_it() -> None:
    found = due([changed(date(2026, 1, 10), 0)], [], MODELS, FIRST, LAST)
    assert found == [
        Due(date(2026, 1, 10), date(2026, 1, 10), ("daily_ohlcv",)),
        Due(date(2026, 1, 10), date(2026, 1, 13), ("features_daily",)),
    ]


def test_today_is_one_range_for_all_because_no_later_day_is_there_yet() -> None:
    found = due([changed(LAST, 0), changed(LAST, 1, "funding_rates")], [], MODELS, FIRST, LAST)
    assert found == [Due(LAST, LAST, ("daily_ohlcv", "funding_rates", "features_daily"))]


def test_a_dataset_that_did_not_change_makes_nothing_be_built() -> None:
    found = due([changed(LAST, 0, "funding_rates")], [], MODELS, FIRST, LAST)
    assert found == [Due(LAST, LAST, ("funding_rates", "features_daily"))]


def test_what_was_built_after_the_change_is_not_built_again() -> None:
    change = changed(date(2026, 1, 10), 5)
    after = [Build(model.name, FIRST, LAST, at(6)) for model in MODELS]
    before = [Build(model.name, FIRST, LAST, at(4)) for model in MODELS]
    assert due([change], after, MODELS, FIRST, LAST) == []
    assert due([change], before, MODELS, FIRST, LAST) == due([change], [], MODELS, FIRST, LAST)


def test_a_build_of_some_days_leaves_the_others_due() -> None:
    change = changed(date(2026, 1, 10), 5)
    built = [Build("features_daily", date(2026, 1, 11), date(2026, 1, 12), at(6))]
    assert due([change], built, [FEATURES], FIRST, LAST) == [
        Due(date(2026, 1, 10), date(2026, 1, 10), ("features_daily",)),
        Due(date(2026, 1, 13), date(2026, 1, 13), ("features_daily",)),
    ]


def test_a_change_before_the_first_day_counts_only_for_the_days_that_are_kept() -> None:
    found = due([changed(date(2025, 12, 30), 0)], [], [FEATURES], FIRST, LAST)
    assert found == [Due(FIRST, date(2026, 1, 2), ("features_daily",))]


def test_old_days_built_after_new_ones_make_the_new_ones_due_that_look_back_to_them() -> None:
    """As when a person builds the last week first and the month before it later."""
    child = Model("features_daily", 3, frozenset({"ohlcv"}), 3, ("daily_ohlcv",))
    built = [
        Build(name, date(2026, 1, 20), LAST, at(1)) for name in ("daily_ohlcv", "features_daily")
    ] + [Build(name, FIRST, date(2026, 1, 19), at(2)) for name in ("daily_ohlcv", "features_daily")]
    assert due([], built, [BARS, child], FIRST, LAST) == [
        Due(date(2026, 1, 20), date(2026, 1, 22), ("features_daily",))
    ]
    again = [*built, Build("features_daily", date(2026, 1, 20), date(2026, 1, 22), at(3))]
    assert due([], again, [BARS, child], FIRST, LAST) == []


def test_a_mart_that_was_left_out_is_built_when_what_it_is_made_from_is() -> None:
    child = Model("features_daily", 3, frozenset({"ohlcv"}), 3, ("daily_ohlcv",))
    built = [Build("daily_ohlcv", LAST, LAST, at(1))]
    assert due([], built, [BARS, child], FIRST, LAST) == [Due(LAST, LAST, ("features_daily",))]


days = st.dates(FIRST, LAST)
changes = st.lists(
    st.builds(
        changed,
        days,
        st.integers(0, 100),
        st.sampled_from(["ohlcv", "funding_rates"]),
        st.integers(1, 5),
    ),
    max_size=6,
)
builds = st.lists(
    st.builds(
        lambda model, a, b, minute: Build(model.name, min(a, b), max(a, b), at(minute)),
        st.sampled_from(MODELS),
        days,
        days,
        st.integers(0, 100),
    ),
    max_size=8,
)


@given(changes, builds)
def test_a_day_is_due_if_and_only_if_a_change_in_its_numbers_is_younger_than_its_builds(
    changes: list[Change], builds: list[Build]
) -> None:
    found = due(changes, builds, MODELS, FIRST, LAST)
    asked = {
        (name, one.first + timedelta(days=n))
        for one in found
        for name in one.models
        for n in range((one.last - one.first).days + 1)
    }
    for model in MODELS:
        day = FIRST
        while day <= LAST:
            start = to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
            read = Window(start - model.reach * DAY_MS, start + DAY_MS)
            last = max(
                (
                    change.changed_at
                    for change in changes
                    if change.dataset in model.datasets and change.window.overlaps(read)
                ),
                default=None,
            )
            fresh = max(
                (
                    build.built_from
                    for build in builds
                    if build.model == model.name and build.first_day <= day <= build.last_day
                ),
                default=None,
            )
            stale = last is not None and (fresh is None or fresh <= last)
            assert ((model.name, day) in asked) == stale, (model.name, day)
            day += timedelta(days=1)
    # Nothing is asked for twice.
    assert len(asked) == sum(((one.last - one.first).days + 1) * len(one.models) for one in found)


@given(changes)
def test_building_what_is_due_leaves_nothing_due(changes: list[Change]) -> None:
    found = due(changes, [], MODELS, FIRST, LAST)
    built = [Build(name, one.first, one.last, at(101)) for one in found for name in one.models]
    assert due(changes, built, MODELS, FIRST, LAST) == []
