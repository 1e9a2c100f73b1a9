"""Keeping the store small: expire old rows, merge small files, forget old snapshots.

Hourly commits make a file each; reads slow down with their number. Runs under the writer lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from market_assets.schemas.timeline import to_ms
from market_assets.warehouse.contract import Maintained
from market_assets.warehouse.ddl import dataset_of, stored_columns
from market_assets.warehouse.retention import expire
from market_assets.warehouse.session import Session
from market_assets.warehouse.sql import CATALOG, LAKE, identifier, literal

if TYPE_CHECKING:
    import duckdb

_DOING = "Maintaining the warehouse"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept."""

    # None keeps rows for ever.
    retention_days: int | None
    # How far back readers may ask for the store as it was.
    snapshot_days: float
    # A reader that began before the merge still opens the old files, and a writer that does not
    # take our lock (dbt) has files that no snapshot names yet: younger files stay.
    grace_seconds: float


def maintain(session: Session, keeping: Keeping) -> Maintained:
    """One maintenance pass. Each step leaves a whole store, so it may be stopped anywhere."""
    with session.locked(_DOING):
        files_before, bytes_before = session.retrying(_DOING, _live_files, transaction=False)
        now = datetime.now(UTC)
        expired = 0
        if keeping.retention_days is not None:
            cutoff = to_ms(now - timedelta(days=keeping.retention_days))
            expired = session.retrying(_DOING, lambda c: expire_rows(c, cutoff))
        for step in (_compact, _expire_snapshots(now - timedelta(days=keeping.snapshot_days))):
            session.retrying(_DOING, step, transaction=False)
        unused_since = datetime.now(UTC) - timedelta(seconds=keeping.grace_seconds)
        deleted = session.retrying(_DOING, _clean(unused_since), transaction=False)
        files_after, bytes_after = session.retrying(_DOING, _live_files, transaction=False)
    return Maintained(
        files_before=files_before,
        files_after=files_after,
        bytes_before=bytes_before,
        bytes_after=bytes_after,
        rows_expired=expired,
        files_deleted=deleted,
    )


def expire_rows(connection: duckdb.DuckDBPyConnection, cutoff: int) -> int:
    """Delete what is older than the cutoff from every raw table there is; rows of data gone."""
    timed = [
        f"{LAKE}.raw.{identifier(table)}"
        for schema, table in sorted(stored_columns(connection))
        if schema == "raw" and _is_timed(table)
    ]
    return expire(connection, timed, cutoff)


def _is_timed(table: str) -> bool:
    dataset = dataset_of(table)
    return dataset is not None and "timestamp" in dataset.column_names


def _compact(connection: duckdb.DuckDBPyConnection) -> int:
    connection.execute(f"CALL ducklake_rewrite_data_files({literal(LAKE)})")
    return len(
        connection.execute(f"CALL ducklake_merge_adjacent_files({literal(LAKE)})").fetchall()
    )


def _expire_snapshots(older_than: datetime) -> Callable[[duckdb.DuckDBPyConnection], int]:
    """Forget snapshots by number: by time a SQLite catalog compares texts.

    `2026-01-31 07:00` sorts before `2026-01-31T01:00`, so that all of a day counts as older than
    any moment of it.
    """

    def expire(connection: duckdb.DuckDBPyConnection) -> int:
        rows = connection.execute(
            f"SELECT snapshot_id FROM ducklake_snapshots({literal(LAKE)})"
            f" WHERE snapshot_time < {_at(older_than)} AND snapshot_id <"
            f" (SELECT max(snapshot_id) FROM ducklake_snapshots({literal(LAKE)}))"
        ).fetchall()
        if rows:
            versions = ", ".join(str(row[0]) for row in rows)
            connection.execute(
                f"CALL ducklake_expire_snapshots({literal(LAKE)}, versions => [{versions}])"
            )
        return len(rows)

    return expire


def _clean(unused_since: datetime) -> Callable[[duckdb.DuckDBPyConnection], int]:
    """Remove files that no snapshot needs, once nobody can be reading or writing them."""

    def clean(connection: duckdb.DuckDBPyConnection) -> int:
        # The same comparison of texts (see above) would remove files the moment they are merged,
        # under their readers. Written with a T the times compare as they should.
        connection.execute(
            f"UPDATE {CATALOG}.ducklake_files_scheduled_for_deletion"
            " SET schedule_start = replace(schedule_start, ' ', 'T')"
        )
        return sum(
            len(
                connection.execute(
                    f"CALL {function}({literal(LAKE)}, older_than => {_at(unused_since)})"
                ).fetchall()
            )
            for function in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files")
        )

    return clean


def _live_files(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Files that a read of the newest snapshot may open, and their size."""
    [(files, size)] = connection.execute(
        "SELECT coalesce(sum(file_count + delete_file_count), 0),"
        " coalesce(sum(file_size_bytes + delete_file_size_bytes), 0)"
        f" FROM ducklake_table_info({literal(LAKE)})"
    ).fetchall()
    return int(files), int(size)


def _at(when: datetime) -> str:
    return f"TIMESTAMPTZ {literal(when.isoformat())}"
