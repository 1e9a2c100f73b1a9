"""The cost table is what the estimator gives today, and dbt's BigQuery side is legal SQL."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from market_assets.marts.project import SOURCE
from market_assets.settings import Settings
from market_assets.warehouse.estimate import MIB

ROOT = Path(__file__).parents[2]


def test_the_cost_table_is_that_of_the_estimator():
    done = subprocess.run(
        [sys.executable, "scripts/generate_cost_table.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_more_symbols_cost_more_and_five_stay_within_the_budget():
    page = (ROOT / "docs" / "costs.md").read_text()
    [day] = [line for line in page.splitlines() if line.startswith("| **A day**")]
    dollars = [float(found.replace(",", "")) for found in re.findall(r"\$([\d.,]+)", day)]
    assert len(dollars) == 3
    assert dollars == sorted(dollars)
    assert dollars[0] < Settings.model_validate({}).thresholds.daily_cost_usd


def test_every_mart_was_measured():
    """A new mart: run scripts/measure_statements.py."""
    measured = json.loads((ROOT / "scripts" / "measured_statements.json").read_text())
    built = {one["asset"] for one in measured["stages"]["build"] if one["label"] == "mart"}
    marts = {file.stem for file in SOURCE.glob("models/marts/**/*.sql")}
    views = {
        file.stem
        for file in SOURCE.glob("models/marts/**/*.sql")
        if "materialized='view'" in file.read_text()
    }
    assert marts - views <= {asset.removeprefix("marts.") for asset in built}


@pytest.mark.parametrize("name", ["bigquery_daily_spend", "bigquery_storage_spend"])
def test_what_reads_a_real_bill_is_written_in_bigquerys_sql(name: str):
    from sqlglot import exp, parse_one

    text = (SOURCE / "analyses" / f"{name}.sql").read_text()
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    text = text.replace("{{ target.project }}", "project")
    text = re.sub(r"\{\{ \(target.*?\}\}", "eu", text)
    text = re.sub(r"\{\{ var\(.*?\}\}", "6.25", text)
    parsed = parse_one(text, dialect="bigquery")
    assert isinstance(parsed, exp.Select)
    assert "INFORMATION_SCHEMA" in text


def test_a_job_of_dbt_on_bigquery_has_a_limit_and_says_whose_it_is():
    profile = yaml.safe_load((SOURCE / "profiles.yml").read_text())["market_assets"]["outputs"]
    limit = Settings.model_validate({}).costs.maximum_bytes_billed
    assert (
        f"'DBT_BIGQUERY_MAXIMUM_BYTES_BILLED', '{limit}'"
        in (profile["bigquery"]["maximum_bytes_billed"])
    )
    assert limit > 100 * MIB
    project = yaml.safe_load((SOURCE / "dbt_project.yml").read_text())
    assert project["query-comment"]["job-label"] is True
