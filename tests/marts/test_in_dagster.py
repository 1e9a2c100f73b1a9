"""The marts as Dagster sees them: days, checks, rows, and what is built because data changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from marts_support import MartsLab, window

from market_assets.defs.assembly import assemble
from market_assets.simulator.process import RunningSimulator
from sensors.marts import marts_sensor

pytestmark = pytest.mark.xdist_group("marts")

TWO_DAYS = window("2026-03-07", "2026-03-09")
VENUE = {"start": "2026-03-07", "symbols": ["BTCUSDT"]}
# The hours were read long before the sensor looks: nothing is still coming in.
SETTLED = "UPDATE lake.ops.changes SET changed_at = changed_at - INTERVAL 5 MINUTE"


def two_days_in(folder: Path, exchange: RunningSimulator, shared_folder: Path) -> MartsLab:
    """Two days of one symbol."""
    made = MartsLab(folder, exchange, venues={"binance": VENUE})
    made.take_parsed(shared_folder)
    made.calm()
    made.ingest("binance", "ohlcv", ["BTCUSDT"], TWO_DAYS)
    made.ingest("binance", "funding_rates", ["BTCUSDT"], TWO_DAYS)
    return made


@pytest.fixture
def lab(
    running_exchange: RunningSimulator, shared_folder: Path, tmp_path: Path
) -> Iterator[MartsLab]:
    made = two_days_in(tmp_path, running_exchange, shared_folder)
    yield made
    made.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@dataclass(frozen=True)
class Ran:
    """A run of Dagster over some marts of some days."""

    lab: MartsLab
    instance: dg.DagsterInstance
    done: dg.ExecuteInProcessResult

    def copy(self, folder: Path) -> Ran:
        """Other rows for a test that changes some; what Dagster knows is the same."""
        return replace(self, lab=self.lab.copy(folder))


@pytest.fixture(scope="module")
def built(
    running_exchange: RunningSimulator,
    shared_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ran]:
    """All marts of both days."""
    lab = two_days_in(tmp_path_factory.mktemp("built"), running_exchange, shared_folder)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ran(lab, instance, run(lab, instance, "2026-03-07", "2026-03-08"))
    lab.close()


@pytest.fixture(scope="module")
def failed(
    running_exchange: RunningSimulator,
    shared_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ran]:
    """A fill that neither buys nor sells, and a table that dbt did not make in a mart's place."""
    lab = two_days_in(tmp_path_factory.mktemp("failed"), running_exchange, shared_folder)
    fill = {"execution_id": "1", "timestamp": "2026-03-07T01:00", "venue": "binance"}
    lab.insert("binance_trade_executions", [{**fill, "side": "hold"}])
    # dbt finds other columns than it has.
    lab.write("CREATE SCHEMA lake.marts")
    lab.write("CREATE TABLE lake.marts.daily_ohlcv (date DATE, nonsense DOUBLE)")
    lab.write("INSERT INTO lake.marts.daily_ohlcv VALUES ('2026-03-07', 7)")
    names = ("ohlcv", "daily_ohlcv", "trade_executions")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ran(lab, instance, run(lab, instance, "2026-03-07", "2026-03-07", *names))
    lab.close()


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


def test_a_run_builds_its_days_and_shows_rows_and_tests(built: Ran, tmp_path: Path) -> None:
    lab, instance, done = built.lab, built.instance, built.done
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
    later = built.copy(tmp_path).lab
    later.write(SETTLED)
    told = asked(later, instance)
    later.close()
    assert isinstance(told, list)
    assert min(one["first"] for one in told) == "2026-03-09"


def test_a_correction_is_built_into_its_day_and_the_days_that_look_back_to_it(
    built: Ran, tmp_path: Path
) -> None:
    assert built.done.success
    lab, instance = built.copy(tmp_path).lab, built.instance
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
    lab.calm()
    lab.close()


def test_while_hours_come_in_nothing_is_built(lab: MartsLab, instance: dg.DagsterInstance) -> None:
    assert asked(lab, instance) == "data are still coming in"


def test_a_test_that_fails_is_a_failed_check_and_names_its_rows(failed: Ran) -> None:
    assert not failed.done.success
    [check] = [c for c in failed.done.get_asset_check_evaluations() if not c.passed]
    assert check.asset_key == mart("trade_executions")
    assert check.metadata["rows that fail"].value == 1
    assert check.severity is dg.AssetCheckSeverity.ERROR


def test_a_mart_that_cannot_be_built_keeps_what_was_and_is_not_remembered_as_built(
    failed: Ran,
) -> None:
    [said] = [
        event.step_failure_data.error
        for event in failed.done.all_events
        if event.is_step_failure and event.step_failure_data.error is not None
    ]
    assert "Building the marts" in said.message
    assert "daily_ohlcv: " in said.message
    assert failed.instance.get_latest_materialization_event(mart("daily_ohlcv")) is None
    assert failed.instance.get_latest_materialization_event(mart("ohlcv")) is not None
    built = failed.lab.query("select distinct model from ops.builds order by model")
    assert list(built["model"]) == ["ohlcv", "trade_executions"]
    assert len(failed.lab.mart("ohlcv")) == 24
    assert failed.lab.mart("daily_ohlcv")["nonsense"].tolist() == [7]
