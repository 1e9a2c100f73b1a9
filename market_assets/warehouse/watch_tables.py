"""The tables of the watch: alerts, how they reached people, and what statements cost.

All only ever grow: a state is the last row by `sequence`, not by time, for clocks go back.
"""

from __future__ import annotations

from market_assets.schemas.datasets import Column
from market_assets.warehouse.ddl import StoredTable

ALERTS = StoredTable(
    "ops",
    "alerts",
    "Every change of an alert's state; the last sequence of an alert_id is how it stands",
    (
        Column("alert_id", "string", "One trouble from its beginning to its end"),
        Column(
            "alert_key", "string", "What is wrong where: freshness/binance; fires once at a time"
        ),
        Column("rule", "string", "The rule that fired"),
        Column("scope", "string", "Where: binance, a job's name; empty for the platform"),
        Column("severity", "string", "info, warning or critical"),
        Column("peak_severity", "string", "The worst that was told of it"),
        Column("state", "string", "pending, firing, acknowledged or resolved"),
        Column("change", "string", "fired, reopened, grew, escalated, acknowledged, resolved, ..."),
        Column("title", "string", "The trouble in one line"),
        Column("detail", "string", "The facts, as JSON: members with values and limits, why"),
        Column("is_event", "boolean", "Whether it is told once and resolves by itself"),
        Column("began_at", "timestamp", "When it began (UTC)"),
        Column("fired_at", "timestamp", "When it fired or grew worse (UTC)", nullable=True),
        Column("told_at", "timestamp", "When a message was last made of it (UTC)", nullable=True),
        Column("escalated_at", "timestamp", "When it was escalated (UTC)", nullable=True),
        Column(
            "reopened_at",
            "timestamp",
            "Since when it fires again without a word (UTC)",
            nullable=True,
        ),
        Column("sequence", "integer", "Counts the changes of its alert_key"),
        Column("changed_at", "timestamp", "When it changed (UTC)"),
        Column("changed_by", "string", "watch, or the person who acknowledged"),
    ),
)

ALERT_DELIVERIES = StoredTable(
    "ops",
    "alert_deliveries",
    "Every attempt to tell a channel; the last sequence of a message_id is how it stands",
    (
        Column("message_id", "string", "One message to one channel"),
        Column("alert_id", "string", "The alert it tells of"),
        Column("alert_sequence", "integer", "The change of the alert that it tells of"),
        Column("channel", "string", "The channel of alerts.channels, or log"),
        Column("kind", "string", "fired, news, reminder, escalated, resolved or test"),
        Column("title", "string", "What it says, in one line"),
        Column("body", "string", "What it says"),
        Column("outcome", "string", "held, sending, sent, failed, given_up, dropped or unknown"),
        Column("sequence", "integer", "Counts the changes of the message"),
        Column("attempt", "integer", "1 for the first, 0 before it"),
        Column("error", "string", "What went wrong, without secrets; empty when nothing did"),
        Column("due_at", "timestamp", "When it is to be tried next (UTC)", nullable=True),
        Column("changed_at", "timestamp", "When this was recorded (UTC)"),
    ),
)

QUERY_COSTS = StoredTable(
    "ops",
    "query_costs",
    "What every statement of the platform cost, or would have cost on BigQuery",
    (
        Column("statement_id", "string", "The statement; the job's id on BigQuery"),
        Column("issued_at", "timestamp", "When it was issued (UTC)"),
        Column("label", "string", "What it was for: commit, check, mart, query, watch, ..."),
        Column("asset", "string", "The asset or model it was issued for; empty for none"),
        Column("run_id", "string", "The run that issued it; empty for none"),
        Column("engine", "string", "ducklake or bigquery"),
        Column("is_estimate", "boolean", "Whether the bytes are estimated and not billed"),
        Column("bytes_processed", "integer", "Bytes that it read"),
        Column("bytes_billed", "integer", "Bytes that are billed for it"),
        Column("dollars", "float", "What these cost at the on-demand price"),
    ),
)

BUDGET_RELEASES = StoredTable(
    "ops",
    "budget_releases",
    "Days whose used-up budget a person let go on",
    (
        Column("day", "timestamp", "The UTC day"),
        Column("released_at", "timestamp", "When (UTC)"),
        Column("because", "string", "Why, in that person's words"),
    ),
)

WATCH_TABLES = (ALERTS, ALERT_DELIVERIES, QUERY_COSTS, BUDGET_RELEASES)
