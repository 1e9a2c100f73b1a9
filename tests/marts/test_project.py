"""The manifest: made once, made anew when something it was made from changes, never lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from market_assets.errors import MartsFailed
from market_assets.marts.project import SOURCE, Project
from market_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("marts")


def test_what_cannot_be_parsed_is_named_and_the_last_manifest_stays(tmp_path: Path) -> None:
    source = shutil.copytree(SOURCE, tmp_path / "dbt_project")
    settings = Settings.model_validate({"state_dir": tmp_path / "state"})
    project = Project(settings, source)
    assert project.is_stale()
    project.prepare()
    assert not project.is_stale()
    before = len(project.nodes().marts)

    model = source / "models" / "marts" / "aggregates" / "hourly_stats.sql"
    text = model.read_text()
    model.write_text(text + "{{ ref('no_such_model') }}")
    assert project.is_stale()
    with pytest.raises(MartsFailed, match="no_such_model"):
        project.prepare()
    assert len(project.nodes().marts) == before, "what was parsed before is still there"

    model.write_text(text)
    project.prepare()
    assert not project.is_stale()


def test_other_numbers_in_the_settings_make_the_manifest_stale(tmp_path: Path) -> None:
    given = {"state_dir": tmp_path / "state"}
    project = Project(Settings.model_validate(given))
    project.prepare()
    other = {**given, "marts": {"risk_window_days": 90}}
    assert Project(Settings.model_validate(other)).is_stale()
    assert not project.is_stale()
