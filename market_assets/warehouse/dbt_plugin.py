"""What dbt-duckdb loads to reach the embedded warehouse exactly as the platform does.

Named in `dbt_project/profiles.yml`. dbt writes without our transactions, so whoever runs it holds
the writer lock meanwhile (`DuckLakeWarehouse.writing_alone`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt.adapters.duckdb.plugins import BasePlugin

from market_assets.warehouse.connection import attach_lake, prepare
from market_assets.warehouse.layout import Layout

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Plugin(BasePlugin):
    """Attaches the lake, and lends DuckDB the one type name of BigQuery that it lacks."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self._layout = Layout(Path(plugin_config["path"]).absolute())

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        prepare(conn)
        attach_lake(conn, self._layout.catalog, self._layout.data)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        # Contracts say float64 in both engines. A temporary type lives in its cursor only.
        cursor.execute("CREATE TEMP TYPE IF NOT EXISTS float64 AS DOUBLE")
