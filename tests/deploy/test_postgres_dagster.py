"""Dagster on a real Postgres, by the command lines of compose.yaml.

Two code locations, one backfill over both, a restart of Postgres and a lost code server meanwhile.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from deployed import SECOND, Deployed, deployed
from postgres_cluster import Cluster, running_cluster

from market_assets.simulator.process import RunningSimulator, running_simulator
from market_assets.stack import ports
from market_assets.stack.log_tail import log_tail
from market_assets.warehouse.ducklake import DuckLakeWarehouse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("end_to_end"),
]

SYMBOL = "BTCUSDT"
DAYS = 12
HOURS = 24 * 10
RAW = {"market_assets": ("raw", "binance_ohlcv"), SECOND: ("raw", "okx_ohlcv")}
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
BACKFILL_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED", "FAILED", "CANCELED"}
SENSORS = """query { sensorsOrError(repositorySelector: {repositoryName: "__repository__",
  repositoryLocationName: "market_assets"}) { __typename
  ... on Sensors { results { sensorState { id status } } } } }"""
LOCATIONS_OF_RUNS = """query { runsOrError(limit: 200) { __typename ... on Runs { results {
  runId status repositoryOrigin { repositoryLocationName } } } } }"""

ROWS = (
    "SELECT (SELECT count(*) FROM raw.binance_ohlcv) AS binance,"
    " (SELECT count(*) FROM raw.okx_ohlcv) AS okx"
)
COMMAND = (sys.executable, "-c", "from market_assets.cli import main; main()")

T = TypeVar("T")


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    with running_simulator({"seed": 5, "limits": {"enforce": False}}) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as found:
        yield found


@pytest.fixture(scope="module")
def platform(
    exchange: RunningSimulator, cluster: Cluster, parsed_marts: Path
) -> Iterator[Deployed]:
    start = (datetime.now(UTC).date() - timedelta(days=DAYS)).isoformat()
    venues = {
        name: {"base_url": exchange.base_url(name), "symbols": [SYMBOL], "start": start}
        for name in ("binance", "okx", "aster")
    }
    state = Path(tempfile.mkdtemp(prefix="market-deployed-"))
    with deployed(state, cluster, {"venues": venues}, parsed_marts) as found:
        found.start("code")
        _until(lambda: ports.accepts(found.ports["code"]), found, "code", "the code server listens")
        # One after the other, as compose does it: the first one makes the tables in Postgres.
        found.start("code", second=True)
        found.start("webserver")
        _until(found.api.answers, found, "webserver", "the webserver answers")
        _until(
            lambda: found.api.location_problem() is None, found, "webserver", "all code is loaded"
        )
        _stop_automation(found)
        found.start("daemon")
        yield found


def test_a_backfill_over_two_code_locations_survives_a_restart_of_postgres(
    platform: Deployed, cluster: Cluster, exchange: RunningSimulator
) -> None:
    keys = platform.api.partitions(RAW["market_assets"]).keys[-HOURS:]
    # Slow enough that the restart finds runs of both in the middle of their work.
    exchange.control(latency_ms=5000)
    backfill = platform.api.launch({key: [(keys[0], keys[-1])] for key in RAW.values()})
    _until(
        lambda: _locations(platform, "STARTED") == set(RAW), platform, "daemon", "both are running"
    )
    cluster.restart()
    exchange.control(latency_ms=0)
    assert _backfill_ends(platform, backfill) == "COMPLETED_SUCCESS"

    for key in RAW.values():
        there = _until(partial(platform.api.partitions, key), platform, "webserver", "it answers")
        assert set(keys) <= there.materialised
    assert {_location(run) for run in _runs(platform)} == set(RAW)
    with DuckLakeWarehouse(platform.layout.state / "warehouse", read_only=True) as store:
        counted = store.query(ROWS).to_pylist()
    assert counted == [{"binance": HOURS, "okx": HOURS}]


def test_runs_of_a_lost_code_server_are_ended_once_it_serves_again_and_can_be_repeated(
    platform: Deployed, exchange: RunningSimulator
) -> None:
    keys = platform.api.partitions(RAW["market_assets"]).keys[-24:]
    span = {RAW[SECOND]: [(keys[0], keys[-1])]}
    exchange.control(faults={"timeout": 1.0, "fault_venues": ["okx"]})
    before = {run["runId"] for run in _runs(platform)}
    first = platform.api.launch(span)

    def new_one() -> str | None:
        new = [run for run in _runs(platform, "STARTED") if run["runId"] not in before]
        return str(new[0]["runId"]) if new else None

    lost = _until(new_one, platform, "daemon", "its run has started")
    platform.kill("second")
    exchange.control(faults={"timeout": 0.0})
    platform.start("code", second=True)
    # Whether Dagster's own retry saves the backfill is a matter of moments: between a run's end and
    # the note that it will be retried, the backfill's daemon may give it up (dagster 1.13.27).
    _backfill_ends(platform, first)
    assert {run["runId"]: run["status"] for run in _runs(platform)}[lost] == "FAILURE"
    assert _backfill_ends(platform, platform.api.launch(span)) == "COMPLETED_SUCCESS"


def test_the_daemon_is_alive_by_the_check_of_its_container(platform: Deployed) -> None:
    _kind, *command = platform.document["services"]["daemon"]["healthcheck"]["test"]
    done = platform.run("daemon", *command)
    assert done.returncode == 0, done.stderr


def test_everything_comes_back_from_a_backup_after_all_of_it_is_lost(
    platform: Deployed, cluster: Cluster
) -> None:
    """The drill of docs/disaster-recovery.md. It is the last: nothing runs afterwards."""
    copy = platform.layout.state / "copy"
    done = platform.run("code", *COMMAND, "backup", str(copy))
    assert done.returncode == 0, done.stderr
    assert "MB of Postgres" in done.stdout
    before = _what_is_there(platform, cluster)

    platform.stop()
    cluster.run("dropdb", "--force", "dagster")
    cluster.run("createdb", "dagster")
    shutil.rmtree(platform.layout.state / "warehouse")
    done = platform.run("code", *COMMAND, "restore", str(copy))
    assert done.returncode == 0, done.stderr
    assert _what_is_there(platform, cluster) == before


def _what_is_there(platform: Deployed, cluster: Cluster) -> tuple[str, list[dict[str, Any]]]:
    """Runs and materialised partitions in Postgres, rows in the warehouse."""
    sql = """SELECT (SELECT count(*) FROM runs), count(*), count(DISTINCT partition)
      FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"""
    with DuckLakeWarehouse(platform.layout.state / "warehouse", read_only=True) as store:
        rows = store.query(ROWS).to_pylist()
    return cluster.run("psql", "-qtAc", sql, "dagster"), rows


def _stop_automation(platform: Deployed) -> None:
    """This test says itself what runs."""
    for sensor in platform.api.one(SENSORS)["results"]:
        platform.api.ask(
            "mutation($id: String!) { stopSensor(id: $id) { __typename } }",
            id=sensor["sensorState"]["id"],
        )


def _runs(platform: Deployed, status: str | None = None) -> list[dict[str, Any]]:
    ask = partial(platform.api.one, LOCATIONS_OF_RUNS)
    runs: list[dict[str, Any]] = _until(ask, platform, "webserver", "it answers")["results"]
    return [run for run in runs if status is None or run["status"] == status]


def _location(run: dict[str, Any]) -> str:
    return str(run["repositoryOrigin"]["repositoryLocationName"])


def _locations(platform: Deployed, status: str) -> set[str]:
    return {_location(run) for run in _runs(platform, status)}


def _backfill_ends(platform: Deployed, backfill: str) -> str:
    def status() -> str | None:
        found = platform.api.backfill_status(backfill)
        return found if found in BACKFILL_ENDED else None

    return _until(status, platform, "daemon", f"backfill {backfill} ends", seconds=300)


def _until(
    found: Callable[[], T | None], platform: Deployed, service: str, what: str, seconds: float = 180
) -> T:
    """The first thing found.

    The webserver keeps connections; each fails once after a restart of Postgres. A person reloads
    the page, and this asks again.
    """
    give_up = time.monotonic() + seconds
    problem = ""
    while time.monotonic() < give_up:
        try:
            answer = found()
        except Exception as error:
            answer, problem = None, f" ({error})"
        if answer:
            return answer
        if any(process.poll() is not None for process in platform.started.values()):
            problem = " (a service ended)"
            break
        time.sleep(0.5)
    log = log_tail(platform.layout.log(service), 40)
    raise AssertionError(f"after {seconds:.0f} s it is still not true that {what}{problem}{log}")
