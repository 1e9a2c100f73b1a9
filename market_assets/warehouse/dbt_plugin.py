"""What dbt-duckdb loads to reach the embedded warehouse exactly as the platform does.

Named in `dbt_project/profiles.yml`. dbt writes without our transactions, so whoever runs it holds
the writer lock meanwhile (`DuckLakeWarehouse.writing_alone`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt.adapters.duckdb.plugins import BasePlugin

from market_assets.settings import load_settings
from market_assets.warehouse.connection import attach_lake, prepare
from market_assets.warehouse.layout import Layout

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Plugin(BasePlugin):
    """Attaches the lake, and lends DuckDB the one type name of BigQuery that it lacks."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        # Not from the profile: dbt parses the whole project anew when anything in that changes.
        layout = Layout(load_settings().warehouse.path.absolute())
        prepare(conn)
        attach_lake(conn, layout.catalog, layout.data)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        # Contracts say float64 in both engines. A temporary type lives in its cursor only.
        cursor.execute("CREATE TEMP TYPE IF NOT EXISTS float64 AS DOUBLE")
