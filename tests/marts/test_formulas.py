"""dbt's own unit tests: every formula on rows made by hand, with results computed by hand."""

from __future__ import annotations

import pytest
from marts_support import MartsLab

from market_assets.marts.project import Project
from market_assets.marts.results import read_results

pytestmark = pytest.mark.xdist_group("marts")


def test_every_formula_gives_what_was_computed_by_hand(winter: MartsLab) -> None:
    project = Project(winter.settings)
    with project.run_folder() as folder:
        project.run("test", "--select", "test_type:unit", doing="Testing formulas", target=folder)
        results = read_results(folder)
    assert len(results) > 40
    assert [result.name for result in results if not result.passed] == []
    tested = {result.unique_id.split(".")[2] for result in results}
    assert {"ohlcv", "funding_rates", "daily_ohlcv", "features_hourly", "risk_daily"} <= tested
