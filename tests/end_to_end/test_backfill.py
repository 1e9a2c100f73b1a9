"""Backfills by the UI's mutations while venues fail and processes are killed; then the truth."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import psutil
import pytest
from driving import SECRET, SYMBOLS, DrivenStack, key_time, until

from market_assets.stack.dagster_api import ranges
from market_assets.warehouse.ducklake import DuckLakeWarehouse

pytestmark = pytest.mark.xdist_group("end_to_end")

ASSETS = ("binance_ohlcv", "binance_funding_rates")
HOURS = 60 * 24
FAULTS = {"http_429": 0.04, "http_503": 0.06, "cut_connection": 0.06, "empty_page": 0.06}
HOUR = timedelta(hours=1)


def test_the_asset_graph_has_every_venue_and_dataset(stack: DrivenStack) -> None:
    assets = {asset.key: asset for asset in stack.api.assets()}
    for venue in ("binance", "okx", "aster"):
        for dataset in ("ohlcv", "funding_rates", "instruments"):
            asset = assets["raw", f"{venue}_{dataset}"]
            assert asset.partitioned
            assert asset.group == venue


def test_two_runs_for_one_partition_at_once_have_one_result(stack: DrivenStack) -> None:
    asset = "aster_ohlcv"
    key = stack.partitions(asset).keys[-30]
    both = [stack.launch_run(("raw", asset), key) for _ in range(2)]
    assert [stack.run_ends(run) for run in both] == ["SUCCESS", "SUCCESS"]
    assert key in stack.partitions(asset).materialised
    _equals_truth(stack, "aster", [key], funding=False)


def test_one_backfill_brings_the_hours_of_a_day_and_then_its_marts(stack: DrivenStack) -> None:
    hours = [key for key in stack.partitions("aster_ohlcv").keys if key.startswith(_day(stack, 12))]
    assert len(hours) == 24
    day = hours[0][:10]
    marts = (("marts", "ohlcv"), ("marts", "daily_ohlcv"))
    wanted = {("raw", "aster_ohlcv"): [(hours[0], hours[-1])]} | {k: [(day, day)] for k in marts}
    assert stack.backfill_ends(stack.api.launch(wanted)) == "COMPLETED_SUCCESS"
    for key in marts:
        assert day in stack.api.partitions(key).materialised
    with DuckLakeWarehouse(stack.layout.state / "warehouse", read_only=True) as store:
        bars = store.query(
            "SELECT candle_count + no_trade_count AS hours FROM marts.daily_ohlcv"
            f" WHERE venue = 'aster' AND date = '{day}'"
        ).to_pylist()
    assert [bar["hours"] for bar in bars] == [24] * len(SYMBOLS)


def test_the_stack_imports_dbt_once_in_a_process_that_knows_no_secret(stack: DrivenStack) -> None:
    """By now it has parsed and built."""
    [server] = stack.find("market_assets.marts.dbt_server")
    assert server.memory_info().rss > 100 * 2**20, "dbt is imported there"
    assert SECRET not in server.environ()
    [code_server] = stack.find("dagster api grpc")
    assert SECRET in code_server.environ(), "other processes know it"


def test_sixty_days_with_faults_a_killed_worker_and_a_killed_daemon(stack: DrivenStack) -> None:
    wanted = stack.partitions(ASSETS[0]).keys[-HOURS:]
    # Slow enough that the kill finds a run in the middle of its work.
    stack.control(faults=FAULTS, latency_ms=100)
    backfill = stack.api.launch({("raw", a): [(wanted[0], wanted[-1])] for a in ASSETS})
    _kill_a_worker(stack)
    _kill_the_daemon(stack)
    stack.backfill_ends(backfill, seconds=400)

    # What a person does next: failed and missing ones again, until there are none.
    stack.control(faults=dict.fromkeys(FAULTS, 0.0), latency_ms=0)
    for _ in range(3):
        left = {asset: _not_there(stack, asset, wanted) for asset in ASSETS}
        if not any(left.values()):
            break
        again = {("raw", a): ranges(wanted, keys) for a, keys in left.items() if keys}
        stack.backfill_ends(stack.api.launch(again), seconds=300)
    for asset in ASSETS:
        assert not _not_there(stack, asset, wanted)
    assert len(stack.api.runs(statuses=["FAILURE"])) >= 1, "the killed run is shown as failed"
    _equals_truth(stack, "binance", wanted)


def test_a_cancelled_backfill_ends_within_a_minute(stack: DrivenStack) -> None:
    keys = stack.partitions("okx_ohlcv").keys[-24:]
    stack.control(faults={"timeout": 1.0, "fault_venues": ["okx"]})
    try:
        backfill = stack.api.launch({("raw", "okx_ohlcv"): [(keys[0], keys[-1])]})
        stack.run_starts()
        stack.cancel(backfill)
        assert stack.backfill_ends(backfill, seconds=60) == "CANCELED"
        until(lambda: not stack.api.runs(statuses=["STARTED", "CANCELING"]), 30, "no run is alive")
        assert not stack.partitions("okx_ohlcv").materialised
    finally:
        stack.control(faults={"timeout": 0.0, "fault_venues": ["binance", "okx", "aster"]})


def test_after_kill_9_of_everything_the_next_start_frees_what_dead_runs_held(
    stack: DrivenStack,
) -> None:
    keys = stack.partitions("aster_ohlcv").keys
    stack.control(faults={"timeout": 1.0, "fault_venues": ["aster"]})
    dead = stack.launch_run(("raw", "aster_ohlcv"), keys[-40])
    stack.run_starts(runIds=[dead])
    stack.kill()
    until(lambda: not stack.processes(), 15, "the guard has ended every process")

    stack.start()  # the simulator starts anew as well: without that fault
    (run,) = stack.api.runs(runIds=[dead])
    assert run["status"] == "FAILURE"
    alive = stack.launch_run(("raw", "aster_ohlcv"), keys[-50])
    assert stack.run_ends(alive, seconds=120) == "SUCCESS"
    _equals_truth(stack, "aster", [keys[-50]], funding=False)


def _day(stack: DrivenStack, number: int) -> str:
    return (stack.start_day + timedelta(days=number)).isoformat()


def _not_there(stack: DrivenStack, asset: str, wanted: Sequence[str]) -> list[str]:
    there = stack.partitions(asset).materialised
    return [key for key in wanted if key not in there]


def _kill_a_worker(stack: DrivenStack) -> None:
    stack.run_starts()
    killed = until(stack.workers, 60, "a run has a process")[0]
    with suppress(psutil.NoSuchProcess):
        killed.kill()


def _kill_the_daemon(stack: DrivenStack) -> None:
    (daemon,) = stack.find("fast_daemon")
    daemon.kill()

    def reborn() -> bool:
        return any(process.pid != daemon.pid for process in stack.find("fast_daemon"))

    until(reborn, 30, "the stack has started the daemon again")


def _equals_truth(
    stack: DrivenStack, venue: str, keys: Sequence[str], *, funding: bool = True
) -> None:
    """Stored rows are the simulator's, each once; what is absent is absent for its true reason."""
    start, end = key_time(keys[0]), key_time(keys[-1]) + HOUR
    path = stack.layout.state / "warehouse"
    with DuckLakeWarehouse(path, read_only=True) as store:
        for symbol in SYMBOLS:
            where = f"symbol = '{symbol}' AND timestamp >= '{start}' AND timestamp < '{end}'"
            stored = store.query(
                "SELECT epoch_ms(timestamp) AS at, open, high, low, close, volume"
                f" FROM raw.{venue}_ohlcv WHERE {where} ORDER BY 1"
            ).to_pylist()
            true = stack.truth(f"{venue}/ohlcv", symbol, start, end)
            assert [row["at"] for row in stored] == [row["timestamp"] for row in true]
            for name in ("open", "high", "low", "close", "volume"):
                assert [row[name] for row in stored] == [row[name] for row in true], name
            absent = {
                row["timestamp"]: row["reason"]
                for row in stack.truth(f"{venue}/absent", symbol, start, end)
            }
            assert _gaps(store, venue, symbol, start, end) == absent
            if funding:
                settled = store.query(
                    "SELECT epoch_ms(timestamp) AS at, funding_rate"
                    f" FROM raw.{venue}_funding_rates WHERE {where} ORDER BY 1"
                ).to_pylist()
                rates = stack.truth(f"{venue}/funding", symbol, start, end)
                assert [(r["at"], r["funding_rate"]) for r in settled] == [
                    (r["timestamp"], r["funding_rate"]) for r in rates
                ]


def _gaps(
    store: DuckLakeWarehouse, venue: str, symbol: str, start: datetime, end: datetime
) -> dict[int, str]:
    rows = store.query(
        "SELECT epoch_ms(unnest(generate_series(gap_start, gap_end - INTERVAL 1 HOUR,"
        f" INTERVAL 1 HOUR))) AS at, reason FROM ops.gaps WHERE venue = '{venue}'"
        f" AND dataset = 'ohlcv' AND symbol = '{symbol}'"
        f" AND gap_start < '{end}' AND gap_end > '{start}'"
    ).to_pylist()
    first, last = start.timestamp() * 1000, end.timestamp() * 1000
    return {row["at"]: row["reason"] for row in rows if first <= row["at"] < last}
