"""The manifest: made once, made anew when something it was made from changes, never lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from marts_support import MartsLab

from market_assets.errors import MartsFailed
from market_assets.marts.project import SOURCE, Project
from market_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("marts")


def test_what_cannot_be_parsed_is_named_and_the_last_manifest_stays(
    small: MartsLab, tmp_path: Path
) -> None:
    source = shutil.copytree(SOURCE, tmp_path / "dbt_project")
    project = Project(small.settings, source)
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


def test_no_manifest_and_other_numbers_in_the_settings_are_stale(small: MartsLab) -> None:
    project = Project(small.settings)
    assert not project.is_stale()
    given = small.settings.model_dump(mode="json")
    other = {**given, "marts": {**given["marts"], "risk_window_days": 90}}
    assert Project(Settings.model_validate(other)).is_stale()
    assert not project.is_stale()
    project.manifest.unlink()
    assert project.is_stale()
