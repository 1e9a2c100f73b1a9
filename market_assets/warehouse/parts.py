"""The stored tables by parts of time, as they are: what copying from engine to engine works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from market_assets.schemas.timeline import DAY_MS, Window, to_ms
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.sql import Connection, identifier, moment
from market_assets.warehouse.table_facts import partition_column

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

T = TypeVar("T")

# Where a table is not partitioned on BigQuery: a time that each of its rows has.
_TIMES: Mapping[str, str] = {
    "ops.budget_releases": "day",
    "ops.coverage": "window_start",
    "ops.gaps": "gap_start",
    "ops.repairs": "attempted_at",
    "raw.quarantine": "quarantined_at",
}
_VERSIONS_BEGIN = "valid_from"
# A bound that leaves all in, for tables that BigQuery lets nobody read without one.
_ALL = Window(0, 253_402_214_400_000)  # up to 9999-12-31


class Store(Protocol):
    """Reads and transactions, as the sessions of both engines have them."""

    def reading(self, doing: str) -> AbstractContextManager[Connection]: ...

    def write(self, doing: str, action: Callable[[Connection], T]) -> T: ...


class Parts:
    """The tables of one store, each cut by the time of its rows."""

    def __init__(
        self, store: Store, kept_since: Callable[[StoredTable, datetime], int] | None = None
    ) -> None:
        self._store = store
        self._kept_since = kept_since

    def kept_since(self, table: StoredTable, now: datetime) -> int:
        """Rows before this moment (in milliseconds) would be dropped at once; 0 for none."""
        return self._kept_since(table, now) if self._kept_since is not None else 0

    def days(self, table: StoredTable) -> dict[int, int]:
        """The day, numbered since 1970, and how many rows it has."""
        day = f"CAST(floor(epoch_ms({_time(table)}) / {DAY_MS}) AS BIGINT)"
        sql = (
            f"SELECT {day} AS day, count(*) AS n FROM {table.qualified}"
            f" WHERE {_within(table, _ALL)} GROUP BY 1"
        )
        with self._store.reading(f"Counting {_name(table)}") as cursor:
            return {int(day): int(n) for day, n in cursor.execute(sql).fetchall()}

    def read(self, table: StoredTable, window: Window) -> pa.Table:
        """Every column of the rows within the window, as they were put in."""
        columns = ", ".join(identifier(column.name) for column in table.columns)
        sql = f"SELECT {columns} FROM {table.qualified} WHERE {_within(table, window)}"
        with self._store.reading(f"Reading {_name(table)}") as cursor:
            found: pa.Table = cursor.execute(sql).to_arrow_table()
        return found.cast(table.arrow_schema())

    def replace(self, table: StoredTable, window: Window, rows: pa.Table) -> None:
        """Put these rows in the place of all that are within the window, in one transaction."""

        def transaction(connection: Connection) -> None:
            connection.execute(f"DELETE FROM {table.qualified} WHERE {_within(table, window)}")
            if rows.num_rows:
                with registered(connection, "copied", rows):
                    connection.execute(
                        f"INSERT INTO {table.qualified} BY NAME SELECT * FROM copied"
                    )

        self._store.write(f"Copying {_name(table)}", transaction)


def kept_since(days: int | None, now: datetime) -> int:
    """The first moment that is kept, where a whole day leaves at its own age of so many days."""
    return 0 if days is None else (to_ms(now) // DAY_MS - days + 1) * DAY_MS


def _time(table: StoredTable) -> str:
    names = [column.name for column in table.columns]
    name = partition_column(_name(table), names) or _TIMES.get(_name(table), _VERSIONS_BEGIN)
    return identifier(name)


def _within(table: StoredTable, window: Window) -> str:
    time = _time(table)
    return f"{time} >= {moment(window.start)} AND {time} < {moment(window.end)}"


def _name(table: StoredTable) -> str:
    return f"{table.schema}.{table.name}"
