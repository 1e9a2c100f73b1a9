"""What the code location holds, and what loading it costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from platform_support import Platform

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from generate_assets_reference import default_settings
from generate_assets_reference import render as assets_page
from lineage_picture import lineage

from market_assets.definitions import everything
from market_assets.defs.assembly import assemble
from market_assets.marts.project import Project

REPOSITORY = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("snapshots") / "definitions.txt"
HEAVY = (
    "pandas",
    "pandera",
    "great_expectations",
    "duckdb",
    "httpx",
    "pyarrow",
    "matplotlib",
    "numpy",
    "yaml",
)


# Each venue has a policy of its own on purpose; Dagster says so once, where a job is resolved.
pytestmark = pytest.mark.filterwarnings("ignore:Asset job .* with varying BackfillPolicies")


def described(defs: dg.Definitions) -> str:
    """All that people refer to by name, as text that is read in a review."""
    repository = defs.get_repository_def()
    lines = ["assets"]
    graph = repository.asset_graph
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        partitions = node.partitions_def
        if partitions is None:
            lines.append(f"  {key.to_user_string()}: group {node.group_name}, not partitioned")
            continue
        assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
        assert node.backfill_policy is not None
        lines.append(
            f"  {key.to_user_string()}: group {node.group_name}, {partitions.cron_schedule}"
            f" from {partitions.start:%Y-%m-%d} {partitions.timezone}"
            f" offset {partitions.end_offset},"
            f" at most {node.backfill_policy.max_partitions_per_run} in a run,"
            f" pools {', '.join(sorted(node.pools))}; {', '.join(sorted(node.kinds))};"
            f" {', '.join(node.owners)}; {dict(sorted(node.tags.items()))}"
        )
        if node.automation_condition is not None:
            lines.append(f"    {node.automation_condition.get_label()}")
    lines.append("jobs")
    lines += [
        f"  {job.name}" for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
    ]
    lines.append("schedules")
    lines += [
        f"  {item.name}: {item.cron_schedule} {item.execution_timezone}"
        f" -> {item.job_name}, {item.default_status.value}"
        for item in sorted(repository.schedule_defs, key=lambda item: item.name)
    ]
    lines.append("sensors")
    lines += [
        f"  {item.name}: every {item.minimum_interval_seconds} s, {item.default_status.value}"
        for item in sorted(repository.sensor_defs, key=lambda item: item.name)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def installed(parsed_marts: Path, tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """What somebody has who changed nothing."""
    settings = default_settings(MARKET_ASSETS_STATE_DIR=str(tmp_path_factory.mktemp("state")))
    shutil.copytree(parsed_marts, Project(settings).target)
    return everything(settings)


def test_the_page_and_the_picture_of_the_assets_are_what_their_generator_writes(
    installed: dg.Definitions,
) -> None:
    page = (REPOSITORY / "docs/reference/assets.md").read_text(encoding="utf-8")
    assert assets_page(installed) == page, "run make docs-reference"
    picture = (REPOSITORY / "docs/images/lineage.svg").read_text(encoding="utf-8")
    assert lineage(installed.get_repository_def()) == picture, "run make docs-reference"


def test_everything_has_the_names_partitions_and_schedules_of_the_snapshot(
    installed: dg.Definitions,
) -> None:
    """UPDATE_SNAPSHOTS=1 writes it anew: a renamed asset loses its history, so look twice."""
    found = described(installed)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(found)
    assert found == SNAPSHOT.read_text()


def test_definitions_are_loadable_and_run_their_steps_in_one_process(platform: Platform) -> None:
    dg.Definitions.validate_loadable(platform.defs)
    job = platform.defs.resolve_implicit_global_asset_job_def()
    assert job.executor_def.name == "in_process"


def test_a_venue_that_is_switched_off_has_no_assets(platform: Platform) -> None:
    lab = platform.lab.with_settings(venues={"okx": {"enabled": False}})
    keys = assemble(lab.settings).get_repository_def().asset_graph.get_all_asset_keys()
    venues = {key.path[-1].split("_")[0] for key in keys if key.path[0] == "raw"}
    # What the marts read of okx stays in the graph, as something that is made elsewhere.
    made = assemble(lab.settings).get_repository_def().asset_graph.materializable_asset_keys
    assert venues == {"binance", "aster", "okx"}
    assert {key.path[-1].split("_")[0] for key in made if key.path[0] == "raw"} == {
        "binance",
        "aster",
    }


def test_assets_tell_their_columns_their_table_and_their_code(platform: Platform) -> None:
    spec = platform.defs.resolve_all_asset_specs()
    [ohlcv] = [item for item in spec if item.key.path[-1] == "okx_ohlcv"]
    columns = ohlcv.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns][:4] == ["timestamp", "symbol", "venue", "interval"]
    assert all(column.description for column in columns)
    assert ohlcv.metadata["dagster/table_name"] == "raw.okx_ohlcv"
    for reference in ohlcv.metadata["dagster/code_references"].code_references:
        assert Path(reference.file_path).is_file()
    [funding] = [item for item in spec if item.key.path[-1] == "okx_funding_rates"]
    assert "days only" in (funding.description or "")


@pytest.mark.slow
def test_loading_the_definitions_loads_no_heavy_library(parsed_marts: Path, tmp_path: Path) -> None:
    """Every run's process loads them: pandas alone would double what an hour costs."""
    shutil.copytree(parsed_marts, tmp_path / "dbt")
    platform = {
        "MARKET_ASSETS_CONFIG": str(REPOSITORY / "platform.yaml"),
        "MARKET_ASSETS_STATE_DIR": str(tmp_path),
    }
    code = (
        "import sys, market_assets.definitions as d; before = set(sys.modules); d.defs();"
        f"print([m for m in {HEAVY[:-1]!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False,
        env={**os.environ, **platform},
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    assert "Warning" not in done.stderr
