"""The dbt project agrees with the code: sources, venues, vars, engine differences in one room."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from market_assets.marts.project import SOURCE, Project
from market_assets.settings import Settings
from market_assets.settings.models import VENUES_ON_REQUEST
from market_assets.venues.registry import VENUES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project() -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((SOURCE / "dbt_project.yml").read_text())
    return found


def test_the_sources_are_those_of_the_schemas(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import generate_dbt_sources as g;"
        "sys.stdout.write(g.sources())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    file = SOURCE / "models" / "staging" / "_sources.yml"
    assert file.read_text() == done.stdout, "run make docs-reference"


def test_staging_reads_every_venue_of_the_registry_that_is_collected() -> None:
    enabled = Settings.model_validate({"venues": {name: {"enabled": True} for name in VENUES}})
    assert Project(enabled).variables["venues"] == list(VENUES)
    off = Settings.model_validate({"venues": {name: {"enabled": False} for name in VENUES}})
    assert set(Project(off).variables["venues"]) == set(VENUES) - VENUES_ON_REQUEST


def test_the_defaults_of_the_vars_are_those_of_the_settings(project: dict[str, object]) -> None:
    """dbt by hand and dbt by the platform compute the same numbers."""
    told = json.loads(json.dumps(Project(Settings.model_validate({})).variables))
    given = dict(project["vars"])  # type: ignore[call-overload]
    assert {name: given[name] for name in told} == told


def test_no_model_asks_which_engine_it_runs_on() -> None:
    for file in [*SOURCE.glob("models/**/*.sql"), *SOURCE.glob("macros/*.sql")]:
        assert "target.type" not in file.read_text(), file


def test_no_model_uses_a_word_that_only_one_engine_has() -> None:
    """BigQuery gets the same text: its own words and DuckDB's are in macros/cross_db alone."""
    words = re.compile(
        r"::|\bfilter\s*\(|\bquantile_|\bmedian\(|\bexclude\b|//|\bunnest\b|\bepoch\("
    )
    for file in [*SOURCE.glob("models/**/*.sql"), *SOURCE.glob("macros/*.sql")]:
        # Jinja is worked off before an engine sees the text.
        text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", file.read_text(), flags=re.DOTALL)
        found = words.search(text)
        assert found is None, f"{file}: {found and found.group()}"


def test_every_mart_says_how_far_it_looks_back_and_describes_every_column() -> None:
    for file in SOURCE.glob("models/marts/**/_*__models.yml"):
        for model in yaml.safe_load(file.read_text())["models"]:
            name = model["name"]
            sql = (file.parent / f"{name}.sql").read_text()
            assert model["description"], name
            for column in model["columns"]:
                assert column["description"], (name, column["name"])
                assert column["data_type"], (name, column["name"])
            if "materialized='view'" not in sql:
                meta = model.get("config", {}).get("meta", {})
                assert "reach_days" in meta, name


def test_every_mart_has_its_yaml() -> None:
    described = {
        model["name"]
        for file in SOURCE.glob("models/marts/**/_*__models.yml")
        for model in yaml.safe_load(file.read_text())["models"]
    }
    assert described == {file.stem for file in SOURCE.glob("models/marts/**/*.sql")}
