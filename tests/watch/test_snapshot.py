"""What a look leaves for others is whole or not there."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.schemas.verdicts import Verdict
from market_assets.watch.snapshot import (
    FailingChannel,
    Gauge,
    OpenAlert,
    Snapshot,
    read_snapshot,
    snapshot_file,
    write_snapshot,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def full(looked_at: datetime = NOW) -> Snapshot:
    return Snapshot(
        looked_at,
        60,
        verdicts=(
            Verdict("freshness", "binance ohlcv", "BTCUSDT 1h", "failing", "late", 185.0, 120.0),
            Verdict("venue_down", "okx", "", "ok", "answers", since=NOW - timedelta(hours=1)),
        ),
        alerts=(OpenAlert("a1", "freshness", "binance", "critical", "firing", "late", NOW),),
        gauges=(
            Gauge("market_assets_data_age_seconds", 11_100.0, {"venue": "binance"}),
            Gauge("market_assets_disk_free_bytes", float("inf")),
        ),
        failing=(FailingChannel("slack", 2, "it answered 500"),),
    )


def test_what_a_look_leaves_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "new", full())

    assert read_snapshot(tmp_path / "new") == full()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["watch.json"]


@given(looked_at=st.datetimes(timezones=st.timezones()), value=st.floats(allow_nan=False))
def test_every_moment_and_every_number_survives(
    tmp_path_factory: pytest.TempPathFactory, looked_at: datetime, value: float
) -> None:
    state = tmp_path_factory.mktemp("state")
    # A moment that an hour's change skips is none: Python gives it two readings.
    moment = looked_at.astimezone(UTC) if 2 <= looked_at.year <= 9998 else NOW
    write_snapshot(state, Snapshot(moment, 5, gauges=(Gauge("g", value),)))

    found = read_snapshot(state)

    assert found == Snapshot(moment, 5, gauges=(Gauge("g", value),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"looked_at": "2026-11-21T12:00:00Z"}',
        '{"looked_at": "2026-11-21T12:00:00", "interval_seconds": 60}',
        '{"looked_at": "2026-11-21T12:00:00Z", "interval_seconds": 60, "gauges": [{}]}',
        '{"looked_at": "2026-11-21T12:00:00Z", "interval_seconds": 60, "verdicts": [{}]}',
    ],
)
def test_a_malformed_file_is_like_none(tmp_path: Path, text: str) -> None:
    snapshot_file(tmp_path).write_text(text, encoding="utf-8")

    assert read_snapshot(tmp_path) is None
    assert read_snapshot(tmp_path / "nowhere") is None


def test_a_file_cut_anywhere_is_like_none(tmp_path: Path) -> None:
    write_snapshot(tmp_path, full())
    whole = snapshot_file(tmp_path).read_bytes()

    for length in range(0, len(whole) - 1, 40):
        snapshot_file(tmp_path).write_bytes(whole[:length])
        assert read_snapshot(tmp_path) is None


def test_a_file_of_a_later_version_with_more_in_it_is_still_read(tmp_path: Path) -> None:
    write_snapshot(tmp_path, full())
    document = json.loads(snapshot_file(tmp_path).read_text(encoding="utf-8"))
    snapshot_file(tmp_path).write_text(json.dumps(document | {"more": 1}), encoding="utf-8")

    assert read_snapshot(tmp_path) == full()


def test_a_reader_beside_a_writer_never_sees_half_a_look(tmp_path: Path) -> None:
    write_snapshot(tmp_path, full())
    written = 100

    def write() -> None:
        for seconds in range(written):
            write_snapshot(tmp_path, full(NOW + timedelta(seconds=seconds)))

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(read_snapshot(tmp_path))
    writer.join()

    assert seen
    assert all(look is not None for look in seen)
    found = read_snapshot(tmp_path)
    assert found is not None
    assert found.looked_at == NOW + timedelta(seconds=written - 1)


@pytest.mark.parametrize(
    ("later", "is_old"), [(0, False), (180, False), (181, True), (-60, False), (-181, True)]
)
def test_a_look_is_old_three_intervals_away(later: int, is_old: bool) -> None:
    assert Snapshot(NOW, 60).is_old(NOW.timestamp() + later) is is_old
