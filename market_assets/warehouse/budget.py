"""Days whose used-up budget a person let go on."""

from __future__ import annotations

from datetime import date

from market_assets.warehouse.faults import no_such_table
from market_assets.warehouse.sql import COMMIT_TIME, Connection, literal
from market_assets.warehouse.watch_tables import BUDGET_RELEASES


def release(connection: Connection, day: date, because: str) -> bool:
    """Note it, inside the caller's transaction; the first word on a day stands."""
    if released(connection, day) is not None:
        return False
    connection.execute(
        f"INSERT INTO {BUDGET_RELEASES.qualified} VALUES"
        f" (TIMESTAMP {literal(day.isoformat())}, {COMMIT_TIME}, {literal(because)})"
    )
    return True


def released(connection: Connection, day: date) -> str | None:
    """Why the day was released, None when it was not."""
    try:
        rows = connection.execute(
            f"SELECT because FROM {BUDGET_RELEASES.qualified}"
            f" WHERE day = TIMESTAMP {literal(day.isoformat())} ORDER BY released_at LIMIT 1"
        ).fetchall()
    except no_such_table():
        # A store of an older version that nobody has written to since.
        return None
    return str(rows[0][0]) if rows else None
