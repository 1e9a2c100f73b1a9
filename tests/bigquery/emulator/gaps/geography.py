"""Geography functions need DuckDB's spatial extension (40 MB); no table here has any."""

from __future__ import annotations

from local_bigquery.sql.dialect import FUNCTIONS


def leave_out() -> None:
    FUNCTIONS[:] = [path for path in FUNCTIONS if path.name != "geography.sql"]
