"""Room that runs out: storage, disk, the venues' memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from health_support import (
    DAY,
    HOUR,
    LONG_AGO,
    MINUTE,
    NOW,
    Watching,
    after_failing,
    every,
    judged,
    keys,
    of_rule,
    one,
    platform,
)

from market_assets.health.observed import (
    Horizon,
    Observed,
    Storage,
    StorageMoment,
)

GIB = 2**30

# Growth.


def grown(now_gib: float, *before: tuple[timedelta, float]) -> Observed:
    history = tuple(StorageMoment(NOW - ago, round(gib * GIB)) for ago, gib in before)
    return platform(storage=Storage(bytes=round(now_gib * GIB), history=history))


@pytest.mark.parametrize(
    ("observed", "state"),
    [
        (grown(15.0, (DAY, 10)), "ok"),
        (grown(15.1, (DAY, 10)), "failing"),
        (grown(20.0, (2 * DAY, 10)), "ok"),  # twice as much in two days is half a day's
        (grown(20.2, (2 * DAY, 10)), "failing"),
        (grown(0.9, (DAY, 0.01)), "ok"),  # a young warehouse multiplies
        (grown(1.1, (DAY, 0.01)), "failing"),
        (grown(9.0, (DAY, 10)), "ok"),  # compaction
        (grown(20.0, (HOUR, 10)), "unknown"),  # an hour says nothing of a day
        (grown(20.0, (12 * HOUR, 10)), "failing"),
        (grown(20.0), "unknown"),
        (grown(20.0, (DAY, 0)), "unknown"),
        (grown(11.0, (5 * DAY, 1), (DAY, 10), (HOUR, 1)), "ok"),  # the one of a day ago counts
        (grown(11.0, (-DAY, 1)), "unknown"),  # a size of the future
        (platform(storage=Storage(history=(StorageMoment(NOW - DAY, GIB),))), "unknown"),
    ],
)
def test_a_warehouse_that_grows_too_fast(observed: Observed, state: str) -> None:
    assert one(judged(observed), "storage_growth").state == state


def test_growth_is_told_in_units_that_people_say() -> None:
    assert one(judged(grown(16.0, (DAY, 10))), "storage_growth").text == (
        "16.0 GiB, 6.0 GiB more than 24 h ago, 60 % a day (limit 50)"
    )


# The disk.


def disk(free: float, total: float = 100.0) -> Observed:
    return platform(
        storage=Storage(disk_free_bytes=round(free * GIB), disk_total_bytes=round(total * GIB))
    )


@pytest.mark.parametrize(
    ("free", "total", "before", "state"),
    [
        (5.0, 100, False, "ok"),
        (4.9, 100, False, "failing"),
        (2.0, 10, False, "ok"),  # 20 % of a small disk, and still the least that is needed
        (1.9, 10, False, "failing"),
        (5.4, 100, True, "failing"),  # a tenth above the limit is needed to be fine again
        (5.5, 100, True, "ok"),
        (0, 0, False, "failing"),
    ],
)
def test_a_disk_that_fills_up(free: float, total: float, before: bool, state: str) -> None:
    key = ("disk_left", "", "")

    assert one(judged(after_failing(disk(free, total), *[key] * before)), *key).state == state


def test_a_disk_that_trembles_around_its_limit_is_one_alert() -> None:
    free = [6, 5.1, 4.9, 5.1, 4.8, 5.3, 5.6, 5.2, 4.9]
    looks = every(MINUTE, len(free))

    def seen(now: datetime) -> Observed:
        return disk(free[looks.index(now)])

    assert Watching().story(seen, looks, "disk_left") == "..XXXX..X"


def test_a_disk_that_cannot_be_seen_is_not_full() -> None:
    assert one(judged(platform(storage=None)), "disk_left").state == "unknown"
    assert one(judged(platform(storage=Storage())), "disk_left").state == "unknown"


def test_a_warehouse_without_a_disk_of_ours_is_not_judged_by_one() -> None:
    verdicts = judged(platform(storage=Storage(has_disk=False)))
    assert "disk_left" not in {verdict.rule for verdict in verdicts}
    assert one(verdicts, "storage_growth").state == "unknown"


# History that a venue forgets.

KEEPS = 90 * DAY
EDGE = NOW - KEEPS
FUNDING = ("history_horizon", "okx funding_rates", "BTCUSDT")


def horizon(*spans: tuple[timedelta, timedelta], **told: object) -> Observed:
    """Unfetched spans, told from the edge of what the venue still gives."""
    unfetched = tuple((EDGE + start, EDGE + end) for start, end in spans)
    return platform(
        horizons=(Horizon("okx", "funding_rates", "BTCUSDT", KEEPS, unfetched),), **told
    )


@pytest.mark.parametrize(
    ("spans", "state"),
    [
        ([], "ok"),
        ([(7 * DAY, 30 * DAY)], "ok"),
        ([(7 * DAY - MINUTE, 30 * DAY)], "failing"),
        ([(-600 * DAY, 30 * DAY)], "failing"),  # falling off right now
        ([(-600 * DAY, timedelta())], "ok"),  # out of reach: nothing can be done any more
        ([(89 * DAY, 90 * DAY)], "ok"),  # today's, not fetched yet
        ([(40 * DAY, 41 * DAY), (3 * DAY, 4 * DAY)], "failing"),
        ([(-9 * DAY, -8 * DAY), (8 * DAY, 9 * DAY)], "ok"),
    ],
)
def test_rows_that_will_soon_be_out_of_reach(
    spans: list[tuple[timedelta, timedelta]], state: str
) -> None:
    for order in (spans, spans[::-1]):
        assert one(judged(horizon(*order)), *FUNDING).state == state


def test_a_horizon_says_what_is_lost_when() -> None:
    found = one(judged(horizon((3 * DAY, 30 * DAY))), *FUNDING)

    assert found.text == (
        "not fetched: 2026-08-26 12:05 UTC to 2026-09-22 12:05 UTC; okx gives 90 d and forgets"
        " the first of it in 3 d (limit 7 d)"
    )
    assert found.value == 3


def test_days_pass_until_somebody_fetches_what_is_left() -> None:
    start, end = EDGE + 9 * DAY, EDGE + 30 * DAY

    def seen(now: datetime) -> Observed:
        left = () if now >= NOW + 5 * DAY else ((start, end),)
        return platform(horizons=(Horizon("okx", "funding_rates", "BTCUSDT", KEEPS, left),))

    assert Watching(interval=DAY).story(seen, every(DAY, 7), *FUNDING) == "...XX.."


def test_what_is_lost_is_told_once_and_counts_no_more() -> None:
    start, end = EDGE - DAY, EDGE + DAY

    def seen(_: datetime) -> Observed:
        lost = Horizon("okx", "funding_rates", "BTCUSDT", KEEPS, ((start, end),))
        return platform(horizons=(lost,))

    watch = Watching(interval=12 * HOUR)
    events = []
    for now in every(12 * HOUR, 6):
        events += [v for v in watch.look(seen(now), now) if v.is_event]

    (event,) = events
    assert event.scope == "okx funding_rates lost"
    assert event.text == (
        "BTCUSDT: 2026-08-22 12:05 UTC to 2026-08-24 12:05 UTC was never fetched, and okx gives"
        " it no more"
    )


@pytest.mark.parametrize(
    ("began", "is_told"),
    [
        (LONG_AGO, True),
        (NOW - 3 * DAY, True),
        (NOW - 2 * HOUR, False),  # out of reach before we began, but for a sliver
        (None, False),
    ],
)
def test_what_was_out_of_reach_before_we_began_is_no_loss(
    began: datetime | None, is_told: bool
) -> None:
    observed = horizon((-600 * DAY, timedelta()), began_at=began)

    assert any(v.is_event for v in judged(observed)) is is_told


def test_a_fresh_install_is_given_a_moment_to_fetch() -> None:
    observed = horizon((-600 * DAY, 90 * DAY), began_at=NOW - MINUTE)

    assert one(judged(observed), *FUNDING).state == "unknown"


def test_room_is_not_spoken_of_by_others() -> None:
    found = judged(disk(1))

    assert keys(found) == {("disk_left", "", "")}
    assert of_rule(found, "cost_budget") == {("", ""): "unknown"}
