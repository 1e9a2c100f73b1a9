"""What dbt-duckdb loads to reach the embedded warehouse exactly as the platform does.

Named in `dbt_project/profiles.yml`. dbt writes without our transactions, so each model takes the
writer lock by a hook before it and gives it back by one after it (`macros/cross_db/alone.sql`):
ingest waits for one model, never for a whole build.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dbt.adapters.duckdb.plugins import BasePlugin

from market_assets.settings import load_settings
from market_assets.warehouse.connection import attach_lake, prepare
from market_assets.warehouse.layout import Layout
from market_assets.warehouse.locking import writer_lock
from market_assets.warehouse.threads import take_one_if_small

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from market_assets.settings import WarehouseSettings


class Plugin(BasePlugin):
    """Attaches the lake, and lends DuckDB a lock and the one type name of BigQuery it lacks."""

    _held: AbstractContextManager[None] | None = None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        # Not from the profile: dbt parses the whole project anew when anything in that changes.
        self._settings: WarehouseSettings = load_settings().warehouse
        self._layout = Layout(self._settings.path.absolute())
        prepare(conn)
        attach_lake(conn, self._layout.catalog, self._layout.data)
        take_one_if_small(conn)
        for name, function in (
            ("take_writer_lock", self._take),
            ("give_writer_lock", self._give),
        ):
            conn.create_function(name, function, [], "BOOLEAN", side_effects=True)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        # Contracts say float64 in both engines. A temporary type lives in its cursor only.
        cursor.execute("CREATE TEMP TYPE IF NOT EXISTS float64 AS DOUBLE")

    def _take(self) -> bool:
        # A model that failed has not given it back: then it is ours still.
        if self._held is None:
            lock = writer_lock(self._layout.lock, self._settings.lock_timeout_seconds)
            lock.__enter__()
            self._held = lock
        return True

    def _give(self) -> bool:
        if self._held is not None:
            self._held.__exit__(None, None, None)
            self._held = None
        return True
