"""Dagster's run records in SQLite, read and written over connections that stay open.

Dagster's own class makes an engine and a connection for every single question: it compiles its SQL
anew, and SQLite empties its log and waits for the disk whenever the last connection closes. One
event took 10.4 ms of CPU and 16-56 ms by the clock; here 2.0 and 3 (2026-11-21,
dagster 1.13.27). The files are the same: either class reads what the other has written.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageMetadata,
)
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sql import get_alembic_config
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import serialize_value
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.event import listen
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool
from watchdog.observers import Observer

if TYPE_CHECKING:
    from dagster._core.event_api import EventHandlerFn
    from dagster._core.events.log import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection, Engine
    from watchdog.events import FileSystemEvent

# Each run has a file of its own. A process is at few of them at a time.
KEPT_FILES: Final = 8


def _spare_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    """Whatever is killed loses nothing by this; a power cut takes the events of the last seconds.

    These hours then look missing and are asked for again: the warehouse has its own safety.
    """
    connection.execute("PRAGMA synchronous = NORMAL")


class Engines:
    """An engine with one open connection for each of the files that were used last."""

    def __init__(self, kept: int = KEPT_FILES) -> None:
        self._kept = kept
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def engine(self, address: str) -> Engine:
        with self._lock:
            engine = self._engines.get(address)
            if engine is None:
                engine = self._engines[address] = create_engine(
                    address,
                    poolclass=QueuePool,
                    pool_size=1,
                    # Threads that ask at the same moment get connections that close afterwards.
                    max_overflow=-1,
                    connect_args={
                        "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
                        "check_same_thread": False,
                    },
                )
                listen(engine, "connect", _spare_the_disk)
            self._engines.move_to_end(address)
            if len(self._engines) > self._kept:
                # Connections that are in use now are closed when they are given back.
                self._engines.popitem(last=False)[1].dispose()
            return engine

    def close(self) -> None:
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    @contextmanager
    def connection(self, address: str) -> Iterator[Connection]:
        with self.engine(address).connect() as connection, connection.begin():
            yield connection


def _has_revision(engine: Engine) -> bool:
    """Whether a file has tables already: then it is left as it is.

    To find that out Dagster reads all of its migrations, a tenth of a second of CPU for each file
    in each process, in each run's and at each tick of a sensor.
    """
    if not inspect(engine).has_table("alembic_version"):
        return False
    with engine.connect() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return revision is not None


@cache
def _migrations() -> ScriptDirectory:
    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


def _make_tables_of_a_run(engine: Engine) -> None:
    """What Dagster does, who reads all of its migrations three times for each run's file."""
    with engine.connect() as connection:
        connection.execute(text("PRAGMA journal_mode = WAL"))
    with engine.begin() as connection:
        SqlEventLogStorageMetadata.create_all(connection)
        MigrationContext.configure(connection).stamp(_migrations(), "head")


class _Watcher(SqliteEventLogStorageWatchdog):
    """Tells the UI of a run's events while they are written.

    Dagster looks at the file alone, which changes when a connection closes: what is new is in its
    log, and stays there while the connection is open.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._patterns = [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, _event: FileSystemEvent) -> None:
        self._process_log()


class Events(SqliteEventLogStorage):
    """A file for each run, and one with what is asked across runs."""

    # Made when somebody watches for the first time.
    _obs: Any

    def __init__(self, base_dir: str) -> None:
        self.kept = Engines()
        # A table or a column that is there stays; Dagster asks for them with each event.
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        super().__init__(base_dir)

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        if _has_revision(engine):
            return
        if for_index_shard:  # an old one may need more than a new one
            super()._initdb(engine, for_index_shard)
            return
        try:
            _make_tables_of_a_run(engine)
        except DatabaseError:  # another process makes them now: Dagster waits for it
            super()._initdb(engine)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            address = self.conn_string_for_shard(shard)
            if shard not in self._initialized_dbs:
                self._initdb(self.kept.engine(address))
                self._initialized_dbs.add(shard)
            with self.kept.connection(address) as connection:
                yield connection

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        if not self._obs:
            self._obs = Observer()
            self._obs.start()
        watcher = _Watcher(self, run_id, callback, cursor)
        found = self._obs.schedule(watcher, self._base_dir, recursive=True)
        self._watchers[run_id][callback] = (watcher, found)

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables:
            if not super().has_table(table_name):
                return False
            self._tables.add(table_name)
        return True

    def has_asset_key_col(self, column_name: str) -> bool:
        return column_name in self._columns or super().has_asset_key_col(column_name)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._columns.add(column_name)
        return True

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        # The same rows. Dagster makes the event's text anew for each hour of a run, and of all one
        # statement: a month of candles and 17 checks took 6.1 s of CPU before it ran, now 1.6.
        planned = event.get_dagster_event().event_specific_data
        assert isinstance(planned, AssetCheckEvaluationPlanned)
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(
                tzinfo=None
            ),
            "evaluation_event_storage_id": event_id,
        }
        rows = (
            [row | {"partition": key} for key in subset.get_partition_keys()] if subset else [row]
        )
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def dispose(self) -> None:
        super().dispose()
        self.kept.close()


class _OneFile:
    """What has one file, over kept connections; it stands before the class of Dagster's."""

    _conn_string: str

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.kept = Engines()
        dagsters: Any = super()
        dagsters.__init__(conn_string, inst_data)

    @classmethod
    def opened(cls, base_dir: str, name: str, kept: Engines) -> Self:
        address = create_db_conn_string(base_dir, name)
        found = cls(address)
        found.kept = kept
        if not (Path(base_dir).is_dir() and _has_revision(kept.engine(address))):
            dagsters: Any = cls
            dagsters.from_local(base_dir).dispose()
        return found

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self.kept.connection(self._conn_string) as connection:
            yield connection

    def dispose(self) -> None:
        dagsters: Any = super()
        dagsters.dispose()
        self.kept.close()


class Runs(_OneFile, SqliteRunStorage):
    """Runs and backfills."""


class Schedules(_OneFile, SqliteScheduleStorage):
    """Schedules, sensors and their ticks."""


class LocalStorage(DagsterSqliteStorage):
    """What dagster.yaml names as its storage."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not the class that is built on: it would open all three its own way first.
        grandparent: Any = super(DagsterSqliteStorage, self)
        grandparent.__init__()
        self.base_dir = base_dir
        self._inst_data = inst_data
        # Dagster closes runs and events, and forgets schedules: these share what is closed.
        kept = Engines()
        self._run_storage = Runs.opened(_runs_directory(base_dir), "runs", kept)
        self._schedule_storage = Schedules.opened(_schedule_directory(base_dir), "schedules", kept)
        self._event_log_storage = Events(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> LocalStorage:
        return cls.from_local(inst_data=inst_data, **config_value)
