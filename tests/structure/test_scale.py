"""The page about scale is what its script writes, and the model behind it is held against runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from lab_support import Lab, window

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from cost_model import MEASURED, Platform
from scale_limits import Load

ROOT = Path(__file__).parents[2]
SYMBOLS = ("BTCUSDT", "ETHUSDT")
# Half a day, so that a settlement of funding lies in it; as many questions as for an hour.
HOURS = window("2026-03-09T00:00", "2026-03-09T12:00")


def test_the_page_is_what_its_script_writes():
    done = subprocess.run(
        [sys.executable, "scripts/generate_scale_table.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("venue", ["binance", "okx", "aster"])
def test_a_venue_is_asked_as_the_model_says(lab: Lab, venue: str):
    for dataset in ("ohlcv", "funding_rates"):
        lab.ingest(venue, SYMBOLS, HOURS, dataset=dataset).raise_if_incomplete()
    asked: Mapping[str, int] = lab.lake.query(
        f"SELECT sum(weight) AS weight, count(*) AS requests FROM ops.requests"
        f" WHERE venue = '{venue}'"
    ).to_pylist()[0]
    load = Load(Platform(len(SYMBOLS)))
    assert sum(load.spent_in_an_hour(venue).values()) == asked["weight"]


def test_as_it_was_measured_it_is_what_was_measured():
    """Two symbols on three venues, by hours: every statement and table as it was, but the look's
    days."""
    platform = Platform(2)
    for stage, statements in MEASURED["stages"].items():
        assert [one.label for one in platform.statements(stage)] == [s["label"] for s in statements]
    assert set(platform.tables) == set(MEASURED["tables"])


@pytest.mark.parametrize("minutes", [False, True])
def test_more_of_anything_is_never_less(minutes: bool):
    small, symbols, venues = (
        Load(platform)
        for platform in (
            Platform(5, 3, minutes),
            Platform(50, 3, minutes),
            Platform(5, 10, minutes),
        )
    )
    for larger in (symbols, venues, Load(Platform(5, 3, True))):
        assert larger.dollars_a_month >= small.dollars_a_month
        assert larger.rows_a_day >= small.rows_a_day
        assert larger.platform.stored_bytes >= small.platform.stored_bytes
        for limit, share in small.shares().items():
            assert larger.shares()[limit] >= share, limit
