"""The few pieces that the platform's own SQL is put together from, whichever engine runs it.

That SQL is written once, in DuckDB's dialect; what another engine needs is translated on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from market_assets.schemas.timeline import to_datetime

if TYPE_CHECKING:
    import pyarrow as pa

# What the tables' names begin with: the attached lake, or BigQuery's project and datasets.
LAKE = "lake"
# The tables in which DuckLake keeps what it knows of the lake.
CATALOG = f"__ducklake_metadata_{LAKE}"
# Of these the lake's tables that are there now, `t`, each with its schema, `s`.
LIVE_TABLES = (
    f"{CATALOG}.ducklake_table t JOIN {CATALOG}.ducklake_schema s ON s.schema_id = t.schema_id"
    " AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL"
)

# The commit's own time, as the store keeps times: each statement of a transaction sees the same.
COMMIT_TIME = "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)"


class Answer(Protocol):
    """The rows of one statement."""

    def fetchall(self) -> list[Any]: ...

    def to_arrow_table(self) -> pa.Table: ...


class Connection(Protocol):
    """Where that SQL is run: DuckDB's own connection, or what answers like one."""

    def execute(self, query: str, /) -> Answer: ...


def literal(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL name: columns such as `interval` and `timestamp` are also keywords."""
    return '"' + name.replace('"', '""') + '"'


def moment(ms: int) -> str:
    """A SQL timestamp literal."""
    return f"TIMESTAMP '{to_datetime(ms).replace(tzinfo=None)}'"
