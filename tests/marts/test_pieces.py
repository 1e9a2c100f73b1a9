"""Built in pieces, after corrections, or at once: the rows of every mart are the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from marts_support import MartsLab, window

from market_assets.marts.due import due
from market_assets.marts.project import Project

pytestmark = pytest.mark.xdist_group("marts")

LAST = date(2026, 3, 10)
CORRECTED = "2026-02-20"


def assert_the_same(one: MartsLab, other: MartsLab) -> None:
    for model in Project(one.settings).nodes().by_days():
        left, right = (lab.mart(model.name) for lab in (one, other))
        keys = [
            name
            for name, kind in left.dtypes.items()
            if kind.kind not in "fb" and name not in ("regime", "cheapest_venue", "dearest_venue")
        ]
        left, right = (frame.sort_values(keys, ignore_index=True) for frame in (left, right))
        pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9, obj=model.name)
        assert len(left) > 0, model.name


def test_a_correction_built_where_it_is_due_equals_a_build_of_everything(
    year: MartsLab, tmp_path: Path
) -> None:
    """And nothing else is built: the days that the ledger names are enough, whatever looks back."""
    for name in ("pieces", "whole"):
        (tmp_path / name).mkdir()
    pieces = year.copy(tmp_path / "pieces")
    before = datetime.now(UTC)
    correction = {
        "venue": "binance",
        "symbol": "BTCUSDT",
        "hour": f"{CORRECTED}T05:00:00Z",
        "at": "2026-03-10T14:00:00Z",
        "factor": 1.3,
    }
    pieces.exchange.control(
        clock={"mode": "frozen", "now": "2026-03-10T15:00:30Z"},
        faults={"corrections": [correction]},
        limits={"enforce": False},
    )
    day = window(CORRECTED, "2026-02-21")
    pieces.ingest("binance", "ohlcv", ["BTCUSDT"], day, refresh=True)
    changes = pieces.store.changes(before)
    assert len(changes) == 1
    found = due(
        changes,
        pieces.store.builds(before),
        Project(pieces.settings).nodes().by_days(),
        date(2025, 3, 1),
        LAST,
    )
    by_mart = {name: one for one in found for name in one.models}
    assert "funding_rates" not in by_mart
    assert by_mart["daily_ohlcv"].first == date(2026, 2, 20)
    bars = pieces.mart("daily_ohlcv")
    for one in found:
        pieces.build(one.first.isoformat(), one.last.isoformat(), select=one.models)
    assert not bars.equals(pieces.mart("daily_ohlcv")), "the correction is in the bars"

    whole = pieces.copy(tmp_path / "whole")
    whole.build(full_refresh=True)
    assert_the_same(pieces, whole)
    pieces.close()
    whole.close()


def test_days_built_one_after_another_equal_the_days_built_at_once(
    year: MartsLab, tmp_path: Path
) -> None:
    pieces = year.copy(tmp_path)
    for model in Project(pieces.settings).nodes().by_days():
        columns = pieces.query(f"select * from marts.{model.name} limit 0").columns
        time = "date" if "date" in columns else "timestamp"
        pieces.write(f"DELETE FROM lake.marts.{model.name} WHERE {time} >= '2026-02-28'")
    pieces.build("2026-02-28", "2026-02-28")
    pieces.build("2026-03-01", "2026-03-10")
    assert_the_same(pieces, year)
    pieces.close()
