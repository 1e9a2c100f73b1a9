"""One look as a whole: what it leaves, and what it remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lab_support import Lab

from market_assets.settings import Secrets
from market_assets.watch.looking import Watch
from market_assets.watch.memory import FILE, Memory, read_memory, write_memory
from market_assets.watch.snapshot import read_snapshot


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
