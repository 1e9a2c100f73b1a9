"""The tables that belong to no dataset: quarantine, and the ops schema."""

from __future__ import annotations

from market_assets.schemas.datasets import Column
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.watch_tables import WATCH_TABLES

_SERIES = (
    Column("venue", "string", "The exchange"),
    Column("dataset", "string", "The canonical dataset: ohlcv, funding_rates, ..."),
    Column("interval", "string", "Length of the candle; empty where the dataset has none"),
    Column("symbol", "string", "Canonical symbol"),
)

QUARANTINE = StoredTable(
    "raw",
    "quarantine",
    "Rows that broke rules, kept out of the data and kept for people",
    (
        Column("quarantine_id", "string", "Stable identity: the same reject is held once"),
        *_SERIES,
        Column("timestamp", "timestamp", "Time of the row, where it could be read", nullable=True),
        Column("reasons", "string", "Codes of the broken rules, comma separated"),
        Column("payload", "string", "The row as the venue sent it, as JSON"),
        Column("run_id", "string", "The run that rejected it first"),
        Column("quarantined_at", "timestamp", "When it was rejected first (UTC)"),
        Column("status", "string", "held until a person decides, then released or dropped"),
        Column("decided_at", "timestamp", "When a person decided (UTC)", nullable=True),
        Column("decided_because", "string", "Why, in that person's words", nullable=True),
    ),
)

REQUESTS = StoredTable(
    "ops",
    "requests",
    "Every request made to a venue, as it went",
    (
        # `at` is a keyword (AT VERSION): nobody could select it without quotes
        Column("requested_at", "timestamp", "When the request was sent (UTC)"),
        Column("venue", "string", "The exchange"),
        Column("endpoint", "string", "The endpoint asked"),
        Column("symbol", "string", "The symbol asked for, empty for none"),
        Column("status", "integer", "HTTP status; 0 when no answer came"),
        Column("outcome", "string", "ok, throttled, banned, server_error, timeout, ..."),
        Column("latency_ms", "float", "From sending to the whole answer"),
        Column("weight", "integer", "What it cost of the venue's budget"),
        Column("attempt", "integer", "1 for the first try"),
        Column("bytes", "integer", "Size of the answer"),
        Column("run_id", "string", "The run that asked"),
    ),
)

REVISIONS = StoredTable(
    "ops",
    "revisions",
    "Corrections: what a row said before a re-read replaced it",
    (
        *_SERIES,
        Column("timestamp", "timestamp", "Time of the corrected row (UTC)", nullable=True),
        Column("old_values", "string", "What the row said, as JSON by column"),
        Column("new_values", "string", "What it says now, as JSON by column"),
        Column("old_run_id", "string", "The run that stored the old values", nullable=True),
        Column("new_run_id", "string", "The run that corrected them"),
        Column("old_ingestion_time", "timestamp", "When the old were stored", nullable=True),
        Column("revised_at", "timestamp", "When they were replaced (UTC)"),
    ),
)

GAPS = StoredTable(
    "ops",
    "gaps",
    "Absent spans of a series, why, and on what evidence; spans of a series never overlap",
    (
        *_SERIES,
        Column("gap_start", "timestamp", "First absent moment (UTC)"),
        Column("gap_end", "timestamp", "First moment after the gap (UTC)"),
        Column("candles", "integer", "Absent candles; empty without an interval", nullable=True),
        Column("reason", "string", "no_trade, venue_outage, not_listed or missing"),
        Column("evidence", "string", "What the judgement rests on, as JSON"),
        Column("run_id", "string", "The run that judged last"),
        Column("recorded_at", "timestamp", "When it was recorded (UTC)"),
    ),
)

COVERAGE = StoredTable(
    "ops",
    "coverage",
    "Spans of a series that need no further asking, joined where they touch",
    (
        *_SERIES,
        Column("window_start", "timestamp", "First covered moment (UTC)"),
        Column("window_end", "timestamp", "First moment after it (UTC)"),
    ),
)

CHANGES = StoredTable(
    "ops",
    "changes",
    "What commits changed: the days whose marts have to be built again",
    (
        Column("venue", "string", "The exchange"),
        Column("dataset", "string", "The canonical dataset: ohlcv, funding_rates, ..."),
        Column("interval", "string", "Length of the candle; empty where the dataset has none"),
        Column("first_at", "timestamp", "First moment whose rows or gaps changed (UTC)"),
        Column("last_at", "timestamp", "Last moment whose rows or gaps changed (UTC)"),
        Column("inserted", "integer", "Rows that are new"),
        Column("corrected", "integer", "Rows whose values were replaced"),
        Column("run_id", "string", "The run that changed them"),
        Column("changed_at", "timestamp", "When it was committed (UTC)"),
    ),
)

BUILDS = StoredTable(
    "ops",
    "builds",
    "Which marts were built for which days, and up to which change",
    (
        Column("model", "string", "The mart"),
        Column("first_day", "timestamp", "First day that was built (UTC)"),
        Column("last_day", "timestamp", "Last day that was built (UTC)"),
        Column("built_from", "timestamp", "Every change committed before this is in it (UTC)"),
        Column("run_id", "string", "The run that built it"),
        Column("built_at", "timestamp", "When it was done (UTC)"),
    ),
)

CHECK_RESULTS = StoredTable(
    "ops",
    "check_results",
    "Every verdict of a check over a span of a table, and the worst that it found",
    (
        Column("table_name", "string", "The table that was judged: raw.binance_ohlcv, marts.ohlcv"),
        Column("check_name", "string", "The check"),
        Column("window_start", "timestamp", "First judged moment (UTC)"),
        Column("window_end", "timestamp", "First moment after it (UTC)"),
        Column("passed", "boolean", "Whether it found nothing"),
        Column("severity", "string", "error or warn"),
        Column(
            "is_blocking", "boolean", "Whether a failure keeps the days' marts from being built"
        ),
        Column("findings", "integer", "How many rows or spans it found"),
        Column("found_start", "timestamp", "First moment of what it found (UTC)", nullable=True),
        Column("found_end", "timestamp", "First moment after all it found (UTC)", nullable=True),
        Column("sample", "string", "The first of them, as JSON"),
        Column("run_id", "string", "The run that judged"),
        Column("checked_at", "timestamp", "When it judged (UTC)"),
    ),
)

REPAIRS = StoredTable(
    "ops",
    "repairs",
    "Every attempt to bring a missing interval, and the giving up",
    (
        *_SERIES,
        Column("gap_start", "timestamp", "First missing moment (UTC)"),
        Column("gap_end", "timestamp", "First moment after it (UTC)"),
        Column("attempt", "integer", "1 for the first"),
        Column("outcome", "string", "started or given_up"),
        Column("detail", "string", "The evidence at that time, or why it was given up"),
        Column("attempted_at", "timestamp", "When (UTC)"),
    ),
)

COMMON_TABLES = (
    QUARANTINE,
    REQUESTS,
    REVISIONS,
    GAPS,
    COVERAGE,
    CHANGES,
    BUILDS,
    CHECK_RESULTS,
    REPAIRS,
    *WATCH_TABLES,
)
