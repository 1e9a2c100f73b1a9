"""When the work of a failed run has been made good by later ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from lab_support import window

from market_assets.schemas.timeline import HOUR_MS, Window
from sensors.run_work import ASSET_JOB, EndedRun, made_good_at

FAILED_AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
OHLCV, FUNDING = "raw/binance_ohlcv", "raw/binance_funding_rates"
HOURS = window("2026-03-10T06:00", "2026-03-10T12:00")


def run(
    *assets: str,
    hours: Window | None = HOURS,
    after: float = 1,
    succeeded: bool = True,
    job: str = ASSET_JOB,
) -> EndedRun:
    ended = FAILED_AT + timedelta(hours=after)
    return EndedRun(f"{assets} {after}", job, tuple(sorted(assets)), hours, succeeded, ended)


FAILED = run(OHLCV, FUNDING, after=0, succeeded=False)


def test_a_success_of_the_same_work_makes_it_good() -> None:
    assert made_good_at(FAILED, {}, [FAILED, run(OHLCV, FUNDING)]) == FAILED_AT + timedelta(hours=1)


def test_neither_an_earlier_success_nor_one_of_other_hours_or_assets_does() -> None:
    others = [
        run(OHLCV, FUNDING, after=-1),
        run(OHLCV, FUNDING, hours=window("2026-03-10T00:00", "2026-03-10T06:00")),
        run("raw/okx_ohlcv"),
        run(OHLCV),
        run(OHLCV, FUNDING, hours=None),
        run(OHLCV, FUNDING, succeeded=False),
    ]
    assert made_good_at(FAILED, {}, others) is None


def test_several_runs_make_it_good_together_when_the_last_of_them_ends() -> None:
    first, last = HOURS.clip(end=HOURS.start + HOUR_MS), HOURS.clip(HOURS.start + HOUR_MS)
    others = [
        run(OHLCV, hours=first),
        run(OHLCV, hours=last, after=3),
        run(FUNDING, hours=HOURS, after=2),
    ]
    assert made_good_at(FAILED, {}, others) == FAILED_AT + timedelta(hours=3)
    assert made_good_at(FAILED, {}, others[1:]) is None


def test_what_the_failed_run_itself_had_completed_need_not_be_done_again() -> None:
    half = HOURS.clip(end=HOURS.start + 3 * HOUR_MS)
    rest = run(OHLCV, FUNDING, hours=HOURS.clip(half.end))
    assert made_good_at(FAILED, {OHLCV: [half], FUNDING: [half]}, [rest]) == rest.ended_at
    assert made_good_at(FAILED, {OHLCV: [half]}, [rest]) is None


def test_a_run_that_completed_everything_and_failed_has_to_succeed_as_a_whole() -> None:
    done = {OHLCV: [HOURS], FUNDING: [HOURS]}
    assert made_good_at(FAILED, done, []) is None
    assert made_good_at(FAILED, done, [run(OHLCV, FUNDING)]) is not None


def test_a_job_without_assets_is_made_good_by_its_own_next_success() -> None:
    failed = run(hours=None, after=0, succeeded=False, job="compact")
    assert made_good_at(failed, {}, [run(hours=None, job="backup")]) is None
    assert made_good_at(failed, {}, [run(hours=None, job="compact")]) is not None


def test_assets_without_partitions_are_made_good_by_a_run_of_all_of_them() -> None:
    failed = run("ops/alerts", hours=None, after=0, succeeded=False)
    assert made_good_at(failed, {}, [run("ops/alerts", "ops/other", hours=None)]) is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([(OHLCV,), (FUNDING,), (OHLCV, FUNDING)]),
            st.integers(0, 6),
            st.integers(0, 6),
            st.integers(1, 9),
        )
    )
)
def test_it_is_good_exactly_when_every_hour_of_every_asset_has_succeeded(
    parts: list[tuple[tuple[str, ...], int, int, int]],
) -> None:
    runs = []
    done: set[tuple[str, int]] = set()
    for assets, a, b, after in parts:
        first, last = sorted((a, b))
        start = HOURS.start + first * HOUR_MS
        runs.append(run(*assets, hours=Window(start, HOURS.start + last * HOUR_MS), after=after))
        done |= {(asset, hour) for asset in assets for hour in range(first, last)}
    whole = {(asset, hour) for asset in (OHLCV, FUNDING) for hour in range(6)}
    assert (made_good_at(FAILED, {}, runs) is not None) == (done == whole)


def test_a_failure_is_told_under_its_venue_its_layer_or_its_job() -> None:
    assert (run(OHLCV, FUNDING).group, run(OHLCV).venue) == ("binance", "binance")
    assert run("marts/ohlcv", "marts/daily_ohlcv").group == "marts"
    assert run(OHLCV, "marts/ohlcv").group == "marts, raw"
    assert run(hours=None, job="compact").group == "compact"
    assert run(OHLCV).target == "raw/binance_ohlcv 2026-03-10 06:00 .. 2026-03-10 12:00"
