"""Which days wait: those of which a blocking check found broken rows, until it passes over them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from market_assets.marts.blocked import blocked_days
from market_assets.marts.due import Model, due
from market_assets.schemas.timeline import HOUR_MS, Window, to_ms
from market_assets.warehouse.contract import CheckResult

START = to_ms(date(2026, 1, 1))
TABLE = "raw.okx_ohlcv"


def hours(first: int, end: int) -> Window:
    return Window(START + first * HOUR_MS, START + end * HOUR_MS)


def verdict(
    window: Window,
    found: Window | None = None,
    *,
    check: str = "schema",
    blocking: bool = True,
    passed: bool | None = None,
) -> CheckResult:
    ok = found is None if passed is None else passed
    return CheckResult(TABLE, check, window, ok, "error", blocking, 0 if ok else 1, found)


def days(results: Sequence[CheckResult]) -> set[date]:
    return set(blocked_days(results).get("ohlcv", {}))


def test_the_days_of_the_broken_rows_wait_and_not_all_that_was_looked_at() -> None:
    failed = verdict(hours(0, 72), hours(30, 31))
    assert blocked_days([failed]) == {
        "ohlcv": {date(2026, 1, 2): frozenset({"raw.okx_ohlcv schema"})}
    }


def test_a_failure_without_a_time_is_everywhere_that_was_looked_at() -> None:
    assert days([verdict(hours(0, 48), passed=False)]) == {date(2026, 1, 1), date(2026, 1, 2)}


def test_a_check_that_does_not_block_keeps_nothing_waiting() -> None:
    assert days([verdict(hours(0, 24), hours(3, 4), blocking=False)]) == set()


def test_a_later_verdict_counts_for_the_hours_it_looked_at_and_no_others() -> None:
    failed = verdict(hours(0, 48), hours(20, 30))
    assert days([failed, verdict(hours(24, 48))]) == {date(2026, 1, 1)}
    assert days([failed, verdict(hours(0, 48))]) == set()
    assert days([failed, verdict(hours(0, 48), check="off_grid")]) == {
        date(2026, 1, 1),
        date(2026, 1, 2),
    }


def test_a_check_that_passes_frees_its_hours_though_it_blocks_no_more() -> None:
    failed = verdict(hours(0, 24), hours(3, 4))
    assert days([failed, verdict(hours(0, 24), blocking=False)]) == set()
    assert days([failed, verdict(hours(0, 24), hours(3, 4), blocking=False)]) == {date(2026, 1, 1)}


def test_blocked_days_are_not_due_for_the_models_that_read_the_dataset() -> None:
    from datetime import UTC, datetime

    from market_assets.warehouse.contract import Change

    change = Change("ohlcv", hours(0, 72), datetime(2026, 2, 1, tzinfo=UTC))
    bars = Model("daily_ohlcv", 0, frozenset({"ohlcv"}))
    blocked = {"ohlcv": {date(2026, 1, 2)}, "funding_rates": {date(2026, 1, 3)}}
    found = due([change], [], [bars], date(2026, 1, 1), date(2026, 1, 3), blocked)
    assert [(d.first, d.last) for d in found] == [
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 1, 3), date(2026, 1, 3)),
    ]


spans = st.tuples(st.integers(0, 200), st.integers(1, 60)).map(lambda s: hours(s[0], s[0] + s[1]))


@given(st.lists(st.tuples(spans, st.booleans()), max_size=12))
def test_an_hour_waits_exactly_when_the_last_verdict_over_it_found_it_broken(
    made: list[tuple[Window, bool]],
) -> None:
    results = [verdict(w, w if broken else None) for w, broken in made]
    waiting = {
        date.fromordinal(date(2026, 1, 1).toordinal() + (at - START) // (24 * HOUR_MS))
        for at in range(START, START + 300 * HOUR_MS, HOUR_MS)
        if next((broken for w, broken in reversed(made) if at in w), False)
    }
    assert days(results) == waiting
