"""The day's budget in Dagster: what can wait ends at once, data come in, and who pays is told."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
from platform_support import Platform

from market_assets.warehouse.estimate import TIB, Statement
from sensors.marts import marts_sensor

NIGHT = datetime(2026, 3, 5, 4, 20, tzinfo=UTC)
NIGHTLY = ("reconcile_binance_daily", "dbt_docs_daily", "quality_daily_schedule")


@pytest.fixture
def spent(platform: Platform) -> Platform:
    """Two dollars are spent, and one is the budget."""
    platform.lab.lake.note([Statement("mart", (), (round(TIB / 6.25 * 2),), "marts.ohlcv")])
    platform.lab = platform.lab.with_settings(costs={"stop_at_budget": True})
    return platform


def marts_run(platform: Platform) -> dg.ExecuteInProcessResult:
    return platform.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=platform.instance,
        asset_selection=[dg.AssetKey(["marts", "ohlcv"])],
        tags={"dagster/partition": "2026-03-04"},
        raise_on_error=False,
    )


def test_what_can_wait_ends_with_the_reason_and_is_not_tried_again(spent: Platform) -> None:
    refused = {
        "marts": marts_run(spent),
        "docs": spent.job("dbt_docs"),
        "report": spent.job("quality_daily", tags={"dagster/partition": "2026-03-04"}),
        "export": spent.job(
            "export_dataset",
            {"venue": "binance", "start": "2026-03-04", "end": "2026-03-05"},
        ),
        "reconcile": spent.job(
            "reconcile_binance",
            tags={"trigger": "reconcile", "dagster/partition": "2026-03-04-00:00"},
        ),
    }
    for what, result in refused.items():
        assert not result.success, what
        reasons = {
            event.step_failure_data.user_failure_data.description
            for event in result.all_events
            if event.event_type is dg.DagsterEventType.STEP_FAILURE
        }
        assert all("$2.00 of the day's $1.00" in str(said) for said in reasons), (what, reasons)
        tags = spent.instance.get_run_by_id(result.run_id).tags  # type: ignore[union-attr]
        assert tags["dagster/max_retries"] == "0", what


def test_data_come_in_all_the_same_and_each_asset_pays_for_itself(spent: Platform) -> None:
    result = spent.run("binance_ohlcv", "2026-03-04-00:00")
    assert result.success
    spent.lab.lake.settle_costs()
    rows = spent.lab.lake.ask(
        "SELECT DISTINCT label, asset, run_id FROM ops.query_costs WHERE label <> 'mart'"
    ).to_pylist()
    assert {row["run_id"] for row in rows} == {result.run_id}
    assert {row["asset"] for row in rows} == {"raw.binance_ohlcv"}
    assert {"load", "commit", "covered", "check"} <= {row["label"] for row in rows}


def test_schedules_and_the_marts_sensor_say_why_they_start_nothing(spent: Platform) -> None:
    for name in NIGHTLY:
        schedule = spent.defs.resolve_schedule_def(name)
        with dg.build_schedule_context(
            instance=spent.instance,
            scheduled_execution_time=NIGHT,
        ) as context:
            told = schedule.evaluate_tick(context)
        assert "$2.00 of the day's $1.00" in (told.skip_message or ""), name
    with dg.build_sensor_context(instance=spent.instance) as context:
        found = marts_sensor(spent.lab.settings).evaluate_tick(context)
    assert "$2.00 of the day's $1.00" in (found.skip_message or "")


def test_a_release_lets_them_go_on(spent: Platform) -> None:
    spent.lab.lake.release_budget(datetime.now(UTC).date(), "a backfill")
    export = {"venue": "binance", "start": "2026-03-04", "end": "2026-03-05"}
    assert spent.job("export_dataset", export).success
