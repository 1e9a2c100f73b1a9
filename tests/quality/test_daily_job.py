"""The nightly job as Dagster runs it, and that no other run pays for Great Expectations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from judged_support import copied, opened, write
from marts_support import MartsLab

from market_assets.defs.assembly import assemble
from market_assets.defs.expectations import expectation_keys
from market_assets.defs.quality_report import JOB, REPORT
from market_assets.quality.expectations.checkpoints import docs_folder
from market_assets.quality.expectations.judging import tables_of
from market_assets.quality.report.writing import report_folder
from market_assets.settings import Settings

pytestmark = [pytest.mark.xdist_group("gx"), pytest.mark.slow]
REPOSITORY = Path(__file__).parents[2]
DAILY = dg.AssetKey(["marts", "daily_ohlcv"])
CANDLES = dg.AssetKey(["raw", "binance_ohlcv"])


@pytest.fixture(scope="module")
def settings(judged: MartsLab, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three clean days, but for a vwap that lies outside of its bar."""
    made = copied(judged.settings, tmp_path_factory.mktemp("nightly"))
    write(made, "UPDATE lake.marts.daily_ohlcv SET vwap = high * 1.01")
    return made


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def night(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    defs = assemble(settings)
    schedule = defs.resolve_schedule_def(f"{JOB}_schedule")
    with dg.build_schedule_context(
        instance=instance,
        repository_def=defs.get_repository_def(),
        scheduled_execution_time=datetime(2026, 3, 10, 4, 20, tzinfo=UTC),
    ) as context:
        [request] = schedule.evaluate_tick(context).run_requests or ()
    assert request.partition_key == "2026-03-09"
    return defs.resolve_job_def(JOB).execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        run_config={"ops": {"expectations": {"config": {"days": 3}}}},
        raise_on_error=False,
    )


def evaluations(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, dg.AssetCheckEvaluation]:
    return {
        found.asset_key: found
        for found in result.get_asset_check_evaluations()
        if found.check_name == "expectations"
    }


def test_the_night_judges_every_table_and_then_reports_what_was_found(
    night: dg.ExecuteInProcessResult, settings: Settings
) -> None:
    assert night.success, "what is found is told, and fails no run"
    found = evaluations(night)
    assert set(found) == {key.asset_key for key in expectation_keys(settings)}
    assert [key for key, check in found.items() if not check.passed] == [DAILY], "all else is clean"
    assert all(check.metadata["rows"].value for check in found.values())
    broken = found[DAILY]
    assert broken.metadata["failed"].value == 1
    assert broken.severity is dg.AssetCheckSeverity.ERROR
    assert "low &lt;= vwap &lt;= high" in broken.metadata["what fails"].value
    page = broken.metadata["data docs"].value.split("/quality/expectations/")[1]
    assert (docs_folder(settings) / page).is_file()

    report = json.loads((report_folder(settings) / "2026-03-09.json").read_text())
    assert {one["table"] for one in report["checks"]} >= set(tables_of(settings))
    assert report["checks"][0]["table"] == "marts.daily_ohlcv", "the report came after the checks"
    assert report["score"] > 90
    page = (report_folder(settings) / "index.html").read_text()
    assert 'href="../expectations/index.html"' in page


def test_the_report_is_an_asset_with_its_page_and_its_numbers(
    night: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> None:
    assert instance.get_materialized_partitions(REPORT) == {"2026-03-09"}
    event = instance.get_latest_materialization_event(REPORT)
    assert event is not None
    assert event.asset_materialization is not None
    told = event.asset_materialization.metadata
    assert told["report"].value.endswith("/quality/report/2026-03-09.html")
    assert told["failing_checks"].value == 1
    assert "binance" in told["scores"].value
    assert told["hours"].value.startswith("![binance: hours of 2026-03-09]")


def test_a_run_that_makes_a_table_shows_the_last_verdict_and_loads_no_great_expectations(
    night: dg.ExecuteInProcessResult, settings: Settings, judged: MartsLab, tmp_path: Path
) -> None:
    """As every run does that Dagster selects checks for by itself: in a process of its own."""
    file = tmp_path / "platform.yaml"
    file.write_text(settings.model_dump_json())
    code = f"""
import sys
from datetime import datetime
import dagster as dg
from market_assets.definitions import defs
keys = [dg.AssetKey({CANDLES.path!r})]
job = defs().resolve_implicit_global_asset_job_def()
with dg.DagsterInstance.ephemeral() as instance:
    done = job.execute_in_process(
        instance=instance, asset_selection=keys, raise_on_error=False,
        tags={{"dagster/partition": "2026-03-08-00:00"}},
    )
    shown = [c for c in done.get_asset_check_evaluations() if c.check_name == "expectations"]
    print(done.success, [(c.asset_key.path, c.passed) for c in shown])
    print([m for m in ("great_expectations",) if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False,
        env={**os.environ, "MARKET_ASSETS_CONFIG": str(file)},
    )  # fmt: skip
    shown, loaded = done.stdout.splitlines()[-2:]
    assert shown == f"True [({CANDLES.path!r}, True)]", done.stderr
    assert loaded == "[]"
    with opened(settings) as store:
        counted = store.ask(
            "SELECT count(*) AS n FROM ops.check_results"
            " WHERE table_name = 'raw.binance_ohlcv' AND check_name = 'expectations'"
            f" AND run_id = '{night.run_id}'"
        ).to_pylist()
    assert counted == [{"n": 1}], "and judges nothing"


def test_checks_run_alone_judge_anew(
    night: dg.ExecuteInProcessResult, settings: Settings, instance: dg.DagsterInstance
) -> None:
    """As the UI's button starts them. Today is far from the stored days: nothing is there."""
    job = assemble(settings).resolve_implicit_global_asset_job_def()
    key = dg.AssetCheckKey(CANDLES, "expectations")
    alone = job.get_subset(asset_check_selection={key})
    done = alone.execute_in_process(instance=instance, raise_on_error=False)
    [(asset, found)] = evaluations(done).items()
    assert asset == CANDLES
    assert not found.passed
    assert "no row of" in found.metadata["what fails"].value
