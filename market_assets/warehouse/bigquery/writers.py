"""The counter by which a writer sees that somebody else wrote between its reading and its commit.

Two transactions that only insert do not conflict on BigQuery: both would store the same new rows.
Both of them raise the counter of their scope, and of two changes of one row one is cancelled.
https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency
"""

from __future__ import annotations

from market_assets.schemas.datasets import Column
from market_assets.warehouse.ddl import StoredTable

# The scope of what concerns no single raw table: alerts, the budget, decisions.
EVERYBODY = "ops"

WRITERS = StoredTable(
    "ops",
    "writers",
    "How often each scope was written to: a raw table, or ops for all else",
    (
        Column("scope", "string", "raw.binance_ohlcv, ..., or ops"),
        Column("writes", "integer", "Transactions of writers that had read before"),
        Column("written_at", "timestamp", "When the last of them was (UTC)"),
    ),
)
