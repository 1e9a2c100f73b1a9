"""One look as a whole: what it leaves, and what it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lab_support import Lab
from watch_support import THEN

from market_assets.settings import Secrets
from market_assets.watch.exporter.health import health
from market_assets.watch.looking import Looked, Watch
from market_assets.watch.memory import FILE, Memory, read_memory, write_memory
from market_assets.watch.snapshot import read_snapshot, snapshot_file

_MINUTE = timedelta(minutes=1)


@pytest.fixture
def watch(days: Lab) -> Iterator[Watch]:
    """A watch that has begun long before the lab's day, over data that are fresh on it."""
    write_memory(days.settings.state_dir, Memory(THEN - timedelta(days=30)))
    watch = Watch(days.settings, Secrets({}))
    yield watch
    watch.close()


def failing(looked: Looked, rule: str) -> list[str]:
    return [v.text for v in looked.verdicts if (v.rule, v.state) == (rule, "failing")]


def unwell(days: Lab, now: datetime) -> tuple[str, ...]:
    return health(read_snapshot(days.settings.state_dir), now.timestamp()).reasons


def test_a_look_leaves_its_verdicts_alerts_and_numbers_for_others(days: Lab) -> None:
    now = datetime.now(UTC)
    state = days.settings.state_dir
    write_memory(state, Memory(now - timedelta(days=1)))
    watch = Watch(days.settings, Secrets({}))
    looked = watch.look(now)
    watch.close()

    left = read_snapshot(state)
    assert left is not None
    assert (left.looked_at, left.verdicts) == (now, looked.verdicts)
    # The data of this lab end in March.
    assert {(alert.rule, alert.scope) for alert in left.alerts} >= {("freshness", "binance ohlcv")}
    ages = [gauge for gauge in left.gauges if gauge.name == "market_assets_data_age_seconds"]
    assert len(ages) == 4
    known = read_memory(state)
    assert known is not None
    assert ("freshness", "binance ohlcv", "BTCUSDT 1h") in known.failing


def test_the_same_look_twice_tells_once_also_in_another_process_s_watch(days: Lab) -> None:
    now = datetime.now(UTC)
    write_memory(days.settings.state_dir, Memory(now - timedelta(days=1)))
    told = []
    for seconds in (0, 30, 60):
        watch = Watch(days.settings, Secrets({}))
        looked = watch.look(now + timedelta(seconds=seconds))
        watch.close()
        assert looked.told is not None
        told.append((looked.told.is_changed, looked.told.sent > 0))
    assert told == [(True, True), (False, False), (False, False)]


def test_a_memory_that_is_no_whole_file_begins_anew(days: Lab) -> None:
    state = days.settings.state_dir
    state.mkdir(parents=True, exist_ok=True)
    (state / FILE).write_text('{"began_at": "2026-')
    assert read_memory(state) is None
    now = datetime.now(UTC)
    watch = Watch(days.settings, Secrets({}))
    watch.look(now)
    watch.close()
    known = read_memory(state)
    assert known is not None
    assert known.began_at == now


def test_looks_that_could_leave_nothing_are_no_hole_between_looks(days: Lab, watch: Watch) -> None:
    state = days.settings.state_dir
    watch.look(THEN)
    for file in (snapshot_file(state), state / FILE):
        file.unlink()
        file.mkdir()  # nothing can take its place, as nothing can on a full disk
    for minutes in range(1, 8):
        looked = watch.look(THEN + minutes * _MINUTE)
        assert looked.told is not None
        assert failing(looked, "platform_was_down") == []
    for file in (snapshot_file(state), state / FILE):
        file.rmdir()
    looked = watch.look(THEN + 8 * _MINUTE)
    assert failing(looked, "platform_was_down") == []
    left = read_snapshot(state)
    assert left is not None
    assert left.looked_at == THEN + 8 * _MINUTE
    known = read_memory(state)
    assert known is not None
    # It began anew where its file was lost, and was kept since.
    assert (known.began_at, known.resumed_at) == (THEN + _MINUTE, None)


def test_a_warehouse_that_is_lost_is_critical_told_without_a_record_and_not_healthy(
    days: Lab, watch: Watch
) -> None:
    watch.look(THEN)
    assert [why for why in unwell(days, THEN) if "Watch failed" in why] == []
    (days.settings.warehouse.path / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    told = []
    for minutes in (1, 2, 3):
        looked = watch.look(THEN + minutes * _MINUTE)
        assert looked.told is not None
        told.append(looked.told.sent)
        [why] = [why for why in unwell(days, THEN + minutes * _MINUTE) if "Watch failed" in why]
        assert "damaged" in why
    # That nothing can be recorded only follows from it.
    assert told == [1, 0, 0]


def test_a_store_that_takes_no_alerts_is_told_although_it_takes_none(
    days: Lab, watch: Watch
) -> None:
    watch.look(THEN)
    lock = days.settings.warehouse.path / "writer.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    late = THEN + timedelta(hours=4)  # the data are old by now: that is to be recorded
    assert failing(watch.look(late), "watch_failed") == []
    looked = watch.look(late + _MINUTE)
    [text] = failing(looked, "watch_failed")
    assert "alerts cannot be recorded" in text
    assert any("recorded" in why for why in unwell(days, late + _MINUTE))
    lock.rmdir()
    watch.look(late + 2 * _MINUTE)
    assert failing(watch.look(late + 3 * _MINUTE), "watch_failed") == []


def test_requests_that_cannot_be_read_again_are_unseen_and_end_no_look(days: Lab) -> None:
    now = datetime.now(UTC)  # requests are dated by our own clock
    watch = Watch(days.settings, Secrets({}))
    looked = watch.look(now)
    assert looked.observed.answers is not None
    assert sum(one.requests for one in looked.observed.answers) > 0
    hidden = _hide_rows(days.settings.warehouse.path / "data" / "ops" / "requests")
    looked = watch.look(now + 6 * _MINUTE)
    assert looked.observed.answers is None
    assert len(failing(looked, "watch_failed")) == 1
    for file, name in hidden:
        file.rename(name)
    looked = watch.look(now + 7 * _MINUTE)
    watch.close()
    assert looked.observed.answers is not None
    assert failing(looked, "watch_failed") == []


def _hide_rows(folder: Path) -> list[tuple[Path, Path]]:
    found = sorted(folder.rglob("*.parquet"))
    assert found
    return [(file.rename(file.with_suffix(".gone")), file) for file in found]
