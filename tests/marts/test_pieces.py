"""Built in pieces, after corrections, or at once: the rows of every mart are the same."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from lab_support import CALM
from late_days import LAST, LateDays
from marts_support import MARKET, MartsLab, window

from market_assets.marts.due import due
from market_assets.marts.project import Project

pytestmark = pytest.mark.xdist_group("marts")

CORRECTED = "2026-02-28"
MEASURED = ("open", "high", "low", "close", "volume", "quote_volume")


def assert_the_same(one: MartsLab, other: MartsLab, without: Collection[str] = ()) -> None:
    for model in Project(one.settings).nodes().by_days():
        left, right = (
            lab.mart(model.name).drop(columns=list(without), errors="ignore")
            for lab in (one, other)
        )
        keys = [
            name
            for name, kind in left.dtypes.items()
            if kind.kind not in "fb" and name not in ("regime", "cheapest_venue", "dearest_venue")
        ]
        left, right = (frame.sort_values(keys, ignore_index=True) for frame in (left, right))
        pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9, obj=model.name)
        assert len(left) > 0, model.name


def test_a_correction_built_where_it_is_due_equals_a_build_of_everything(
    winter: MartsLab, tmp_path: Path
) -> None:
    """And nothing else is built: the days that the ledger names are enough, whatever looks back.

    The wrong candle is in all marts from its day on; the winter was built at once from the right
    one.
    """
    pieces = winter.copy(tmp_path)
    models = Project(pieces.settings).nodes().by_days()
    # The price is in what the next hours are compared with, the volume in scores of a week.
    wrong = ", ".join(f"{name} = {name} * 1.3" for name in MEASURED)
    pieces.write(
        f"UPDATE lake.raw.binance_ohlcv SET {wrong}"
        f" WHERE symbol = 'BTCUSDT' AND timestamp = '{CORRECTED} 05:00'"
    )
    pieces.build(CORRECTED, LAST, select=[model.name for model in models])
    bars = pieces.mart("daily_ohlcv")

    before = datetime.now(UTC)
    pieces.exchange.control(**CALM | {"faults": MARKET})
    day = window(CORRECTED, "2026-03-01")
    pieces.ingest("binance", "ohlcv", ["BTCUSDT"], day, refresh=True)
    pieces.calm()
    changes = pieces.store.changes(before)
    assert len(changes) == 1
    found = due(
        changes,
        pieces.store.builds(before),
        models,
        date(2025, 10, 25),
        date.fromisoformat(LAST),
    )
    by_mart = {name: one for one in found for name in one.models}
    assert "funding_rates" not in by_mart
    assert by_mart["daily_ohlcv"].first == date.fromisoformat(CORRECTED)
    for one in found:
        pieces.build(one.first.isoformat(), one.last.isoformat(), select=one.models)
    assert not bars.equals(pieces.mart("daily_ohlcv")), "the correction is in the bars"
    # When the hour was read is all that is told of it otherwise.
    assert_the_same(pieces, winter, without=["ingestion_time"])
    pieces.close()


def test_days_built_one_after_another_equal_the_days_built_at_once(
    winter: MartsLab, late: LateDays
) -> None:
    assert_the_same(late.lab, winter)
