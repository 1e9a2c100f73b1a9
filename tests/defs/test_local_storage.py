"""Dagster's SQLite over connections that stay open: the same files, the same answers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import Queue

import dagster as dg
import psutil
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.test_utils import create_run_for_test
from dagster._core.utils import make_new_run_id
from sqlalchemy import text

from market_assets.defs.local_storage import KEPT_FILES
from market_assets.settings import Settings
from market_assets.stack.dagster_home import write_dagster_yaml

pytestmark = pytest.mark.slow

ASSET = dg.AssetKey(["raw", "binance_ohlcv"])


@contextmanager
def _instance(home: Path, *, kept: bool = True) -> Iterator[dg.DagsterInstance]:
    """What every process of a stack opens; `kept=False` is Dagster's own storage."""
    home.mkdir(exist_ok=True)
    written = write_dagster_yaml(Settings(), home)
    if not kept:
        written.write_text("telemetry: {enabled: false}\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.get() as found:
            yield found


def _materialise(instance: dg.DagsterInstance, run_id: str, partition: str) -> None:
    what = dg.AssetMaterialization(ASSET, partition=partition)
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="job",
        event_specific_data=StepMaterializationData(what),
    )
    instance.report_dagster_event(event, run_id=run_id)


def _run(instance: dg.DagsterInstance) -> str:
    return str(create_run_for_test(instance, job_name="job").run_id)


def test_a_file_stays_open_from_one_question_to_the_next(tmp_path: Path) -> None:
    def opened() -> set[str]:
        files = {Path(file.path) for file in psutil.Process().open_files()}
        return {file.name for file in files if file.suffix == ".db" and tmp_path in file.parents}

    with _instance(tmp_path) as instance:
        for _ in range(2):
            instance.get_runs(limit=1)
            instance.get_materialized_partitions(ASSET)
            instance.all_instigator_state()
        assert opened() == {"runs.db", "index.db", "schedules.db"}
    assert not opened(), "the instance was closed"


def test_dagsters_own_storage_and_ours_read_what_the_other_wrote(tmp_path: Path) -> None:
    with _instance(tmp_path, kept=False) as dagsters:
        first = _run(dagsters)
        _materialise(dagsters, first, "a")
    with _instance(tmp_path) as ours:
        assert ours.get_run_by_id(first)
        _materialise(ours, first, "b")
        second = _run(ours)
        _materialise(ours, second, "c")
    with _instance(tmp_path, kept=False) as dagsters:
        assert {run.run_id for run in dagsters.get_runs()} == {first, second}
        assert dagsters.get_materialized_partitions(ASSET) == {"a", "b", "c"}
        assert [len(_materialised(dagsters, run)) for run in (first, second)] == [2, 1]


def test_the_file_of_a_run_has_the_tables_that_dagster_makes(tmp_path: Path) -> None:
    def made(home: Path, *, kept: bool) -> tuple[list[str], str, str]:
        with _instance(home, kept=kept) as instance:
            run = _run(instance)
            _materialise(instance, run, "a")
        [file] = home.glob(f"**/{run}.db")
        with closing(sqlite3.connect(file)) as of_run:
            tables = of_run.execute("SELECT sql FROM sqlite_master WHERE sql > '' ORDER BY sql")
            [[version]] = of_run.execute("SELECT version_num FROM alembic_version")
            [[mode]] = of_run.execute("PRAGMA journal_mode")
            return [" ".join(sql.split()) for (sql,) in tables], version, mode

    assert made(tmp_path / "ours", kept=True) == made(tmp_path / "dagsters", kept=False)


def test_the_file_of_a_run_is_made_by_many_at_once(tmp_path: Path) -> None:
    """The daemon, the process of the run and the UI may all be the first to ask."""
    with ExitStack() as opened:
        instances = [opened.enter_context(_instance(tmp_path)) for _ in range(4)]
        run = make_new_run_id()
        together = threading.Barrier(len(instances), timeout=30)

        def note(instance: dg.DagsterInstance) -> None:
            together.wait()
            _materialise(instance, run, "a")

        with ThreadPoolExecutor(len(instances)) as threads:
            list(threads.map(note, instances))
        for instance in instances:
            assert _materialised(instance, run) == ["a"] * len(instances)


def test_the_planned_checks_of_a_run_are_the_rows_that_dagster_writes(tmp_path: Path) -> None:
    hours = dg.HourlyPartitionsDefinition("2026-03-01-00:00")
    keys = hours.get_partition_keys_in_range(
        dg.PartitionKeyRange("2026-03-01-00:00", "2026-03-03-23:00")
    )
    for subset in (None, hours.subset_with_partition_keys(keys).to_serializable_subset()):
        with _instance(tmp_path / "ours") as ours, _instance(tmp_path / "its", kept=False) as its:
            written = [_planned(instance, subset) for instance in (ours, its)]
        assert written[0] == written[1]
        assert len(written[0]) == (len(keys) if subset else 1)


def _planned(
    instance: dg.DagsterInstance, subset: PartitionsSubset[str] | None
) -> list[dict[str, object]]:
    """What is kept of a check that a run is about to make; `subset` are its hours."""
    run_id = make_new_run_id()
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
        job_name="job",
        event_specific_data=AssetCheckEvaluationPlanned(
            asset_key=ASSET, check_name="complete", partitions_subset=subset
        ),
    )
    instance.report_dagster_event(event, run_id, timestamp=1_772_323_200.5)
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    with storage.index_connection() as connection:
        found = connection.execute(
            text("SELECT * FROM asset_check_executions WHERE run_id = :run"), {"run": run_id}
        )
        rows = [dict(row) for row in found.mappings()]
    # The run is another one, and this is when it was written.
    text_of = [str(row.pop("evaluation_event")).replace(run_id, "") for row in rows]
    named = [row | {"run_id": "", "create_timestamp": "", "id": 0} for row in rows]
    return [row | {"event": told} for row, told in zip(named, text_of, strict=True)]


def test_who_watches_a_run_is_told_each_event_while_it_goes_on(tmp_path: Path) -> None:
    """The UI's page of a run: it must not wait until the run's process closes the file."""
    told: Queue[str | None] = Queue()

    def tell(entry: dg.EventLogEntry, _cursor: str) -> None:
        told.put(entry.get_dagster_event().partition)

    with _instance(tmp_path) as run, _instance(tmp_path) as webserver:
        run_id = _run(run)
        _materialise(run, run_id, "first")
        webserver.event_log_storage.watch(run_id, None, tell)
        for partition in ("second", "third"):
            _materialise(run, run_id, partition)
            while told.get(timeout=20) != partition:
                pass
        webserver.event_log_storage.end_watch(run_id, tell)


def test_more_runs_than_files_are_kept_open_lose_nothing(tmp_path: Path) -> None:
    with _instance(tmp_path) as instance:
        runs = [_run(instance) for _ in range(KEPT_FILES + 1)]
        for round_ in ("a", "b"):
            for place, run in enumerate(runs):
                _materialise(instance, run, f"{round_}-{place}")
        for place, run in enumerate(runs):
            assert _materialised(instance, run) == [f"a-{place}", f"b-{place}"]


def test_threads_of_two_instances_at_once_lose_nothing(tmp_path: Path) -> None:
    with _instance(tmp_path) as one, _instance(tmp_path) as another:
        runs = [(instance, _run(instance)) for instance in (one, another, one, another)]

        def note(given: tuple[dg.DagsterInstance, str]) -> None:
            instance, run = given
            for place in range(10):
                _materialise(instance, run, f"{run}-{place}")
                assert instance.get_run_by_id(run)

        with ThreadPoolExecutor(len(runs)) as threads:
            list(threads.map(note, runs))
        wanted = {f"{run}-{place}" for _, run in runs for place in range(10)}
        for instance in (one, another):
            assert instance.get_materialized_partitions(ASSET) == wanted


def _materialised(instance: dg.DagsterInstance, run_id: str) -> list[str | None]:
    """As the file of the run has it."""
    logs = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    return [event.get_dagster_event().partition for event in logs]
