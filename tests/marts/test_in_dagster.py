"""The marts as Dagster sees them: days, checks, rows, and what is built because data changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from marts_support import MartsLab, window

from market_assets.defs.assembly import assemble
from market_assets.marts.build import BuildFailed, build
from market_assets.simulator.process import RunningSimulator
from sensors.marts import marts_sensor

pytestmark = pytest.mark.xdist_group("marts")

TWO_DAYS = window("2026-03-07", "2026-03-09")
VENUE = {"start": "2026-03-07", "symbols": ["BTCUSDT"]}
# The hours were read long before the sensor looks: nothing is still coming in.
SETTLED = "UPDATE lake.ops.changes SET changed_at = changed_at - INTERVAL 5 MINUTE"


@pytest.fixture
def lab(running_exchange: RunningSimulator, shared: Path, tmp_path: Path) -> Iterator[MartsLab]:
    """Two days of one symbol."""
    made = MartsLab(tmp_path, running_exchange, venues={"binance": VENUE})
    made.take_parsed(shared)
    running_exchange.control(clock=None, limits=None, faults=None)
    made.calm()
    made.ingest("binance", "ohlcv", ["BTCUSDT"], TWO_DAYS)
    made.ingest("binance", "funding_rates", ["BTCUSDT"], TWO_DAYS)
    yield made
    made.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def mart(name: str) -> dg.AssetKey:
    return dg.AssetKey(["marts", name])


def run(
    lab: MartsLab, instance: dg.DagsterInstance, first: str, last: str, *names: str
) -> dg.ExecuteInProcessResult:
    job = assemble(lab.settings).resolve_implicit_global_asset_job_def()
    keys = [mart(name) for name in names] or [
        key for key in job.asset_layer.executable_asset_keys if key.path[0] == "marts"
    ]
    return job.execute_in_process(
        instance=instance,
        asset_selection=keys,
        tags={
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        },
        raise_on_error=False,
    )


def asked(lab: MartsLab, instance: dg.DagsterInstance) -> list[dict[str, Any]] | str:
    """The days and marts that the sensor wants built, or why it wants nothing."""
    with dg.build_sensor_context(instance=instance) as context:
        told = marts_sensor(lab.settings).evaluate_tick(context)
    if told.skip_message:
        return told.skip_message
    return [
        {
            "first": request.tags["dagster/asset_partition_range_start"],
            "last": request.tags["dagster/asset_partition_range_end"],
            "marts": {key.path[-1] for key in request.asset_selection or ()},
        }
        for request in told.run_requests or ()
    ]


def test_a_run_builds_its_days_and_shows_rows_and_tests(
    lab: MartsLab, instance: dg.DagsterInstance
) -> None:
    done = run(lab, instance, "2026-03-07", "2026-03-08")
    assert done.success
    assert set(instance.get_materialized_partitions(mart("daily_ohlcv"))) == {
        "2026-03-07",
        "2026-03-08",
    }
    bars = lab.mart("daily_ohlcv")
    assert list(bars["candle_count"]) == [24, 24]
    last = instance.get_latest_materialization_event(mart("ohlcv"))
    assert last is not None
    assert last.asset_materialization is not None
    assert last.asset_materialization.metadata["rows"].value == 48
    checks = list(done.get_asset_check_evaluations())
    assert len(checks) > 30
    assert all(check.passed for check in checks)
    # What is built is not asked for again; the later days that look back to these still are.
    lab.write(SETTLED)
    told = asked(lab, instance)
    assert isinstance(told, list)
    assert min(one["first"] for one in told) == "2026-03-09"


def test_a_correction_is_built_into_its_day_and_the_days_that_look_back_to_it(
    lab: MartsLab, instance: dg.DagsterInstance
) -> None:
    assert run(lab, instance, "2026-03-07", "2026-03-08").success
    correction = {
        "venue": "binance",
        "symbol": "BTCUSDT",
        "hour": "2026-03-07T05:00:00Z",
        "at": "2026-03-10T14:00:00Z",
        "factor": 1.05,
    }
    lab.exchange.control(
        clock={"mode": "frozen", "now": "2026-03-10T15:00:30Z"},
        faults={"corrections": [correction]},
    )
    lab.ingest("binance", "ohlcv", ["BTCUSDT"], TWO_DAYS, refresh=True)
    lab.write("UPDATE lake.ops.builds SET built_from = built_from - INTERVAL 10 MINUTE")
    lab.write(
        "UPDATE lake.ops.changes SET changed_at = changed_at - INTERVAL 5 MINUTE"
        " WHERE corrected > 0"
    )
    lab.write("DELETE FROM lake.ops.changes WHERE corrected = 0")
    told = asked(lab, instance)
    assert isinstance(told, list)
    by_mart = {name: (one["first"], one["last"]) for one in told for name in one["marts"]}
    assert by_mart["daily_ohlcv"][0] == "2026-03-07"
    assert "funding_rates" not in by_mart, "its data did not change"
    # The bar of the next day is not made from the corrected hour; the look-back flags are.
    assert by_mart["ohlcv"] == ("2026-03-07", "2026-03-14")
    assert by_mart["features_daily"][1] > by_mart["daily_ohlcv"][1]


def test_while_hours_come_in_nothing_is_built(lab: MartsLab, instance: dg.DagsterInstance) -> None:
    assert asked(lab, instance) == "data are still coming in"


def test_a_test_that_fails_is_a_failed_check_and_names_its_rows(
    lab: MartsLab, instance: dg.DagsterInstance
) -> None:
    fill = {"execution_id": "1", "timestamp": "2026-03-07T01:00", "venue": "binance"}
    lab.insert("binance_trade_executions", [{**fill, "side": "hold"}])
    done = run(lab, instance, "2026-03-07", "2026-03-07", "trade_executions")
    assert not done.success
    [failed] = [c for c in done.get_asset_check_evaluations() if not c.passed]
    assert failed.asset_key == mart("trade_executions")
    assert failed.metadata["rows that fail"].value == 1
    assert failed.severity is dg.AssetCheckSeverity.ERROR


def test_a_mart_that_cannot_be_built_keeps_what_was_and_is_not_remembered_as_built(
    lab: MartsLab,
) -> None:
    day = date(2026, 3, 7)
    build(lab.settings, first=day, last=day, select=["ohlcv"], tests=False)
    # Somebody else's table stands in its place: dbt finds other columns than it has.
    lab.write("CREATE TABLE lake.marts.daily_ohlcv (date DATE, nonsense DOUBLE)")
    with pytest.raises(BuildFailed, match="Building the marts") as failed:
        build(lab.settings, first=day, last=day, select=["ohlcv", "daily_ohlcv"], tests=False)
    assert {r.name: r.status for r in failed.value.results}["ohlcv"] == "success"
    built = lab.query("select model, count(*) as n from ops.builds group by model")
    assert list(built["model"]) == ["ohlcv"]
    assert len(lab.mart("ohlcv")) == 24
