"""Every rule of the watch in words: docs/reference/alerts.md is made from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from market_assets.settings.alerts import AlertRule


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule means, for people."""

    title: str
    meaning: str
    looks_at: str
    limits: tuple[str, ...]  # keys of platform.yaml
    recovers: str
    scope: str  # what is one alert
    is_event: bool = False


RULES: Mapping[AlertRule, RuleText] = {
    "platform_was_down": RuleText(
        "The platform was down",
        "Nobody looked for more than three intervals, or rows are overdue and nobody asks any"
        " venue for them.",
        "The time of the look before this one; the newest request to any venue",
        ("alerts.interval_seconds", "thresholds.freshness_minutes"),
        "The hole is told once. Nobody asking: with the next request, or when nothing is overdue.",
        "the platform",
        is_event=True,
    ),
    "venue_down": RuleText(
        "A venue does not answer",
        "The last five answers in a row failed, or the circuit breaker has opened. What follows"
        " from it (stale data, absent rows, failed requests, checks and runs of the venue) is not"
        " told again.",
        "ops.requests, and the circuit breaker that all runs share",
        ("http.breaker_failures",),
        "With the next good answer, once its rows are caught up; a quarter of an hour after the"
        " next rows were due in any case.",
        "a venue",
    ),
    "freshness": RuleText(
        "Data are stale",
        "The newest row of a series, by its own time or by the time of its storing, is older than"
        " allowed, while its venue is not down and no other symbol of the same kind gets rows."
        " Rows that are due further apart than the limit get it on top.",
        "Close of the newest candle, newest settlement, ingestion_time; listing and delisting",
        ("thresholds.freshness_minutes",),
        "With a new row, or when the symbol is delisted or its configured end has passed.",
        "a venue's dataset",
    ),
    "silent_symbol": RuleText(
        "A symbol is silent",
        "The venue answers and sends new rows of other symbols, but none of this one.",
        "Close of the newest candle and newest settlement of each symbol, beside the others'",
        ("alerts.limits.silent_minutes",),
        "With a new row, or when the venue says that the symbol is halted or delisted.",
        "a venue's dataset",
    ),
    "completeness": RuleText(
        "Rows are absent",
        "Too few of the rows that came due on the watched days are there, absences with a reason"
        " not counted.",
        "marts.ops_completeness, ops.gaps, ops.coverage",
        ("thresholds.completeness_percent", "alerts.limits.completeness_days"),
        "When the repair has brought them (a tenth of the allowed absence below the limit), or"
        " when the days are no longer watched.",
        "a venue's dataset",
    ),
    "error_rate": RuleText(
        "Requests fail",
        "Too many requests to a venue failed within the window.",
        "ops.requests",
        (
            "thresholds.error_rate_percent",
            "alerts.limits.error_window_minutes",
            "alerts.limits.error_least_requests",
        ),
        "When a tenth less than the limit fails.",
        "a venue",
    ),
    "api_latency": RuleText(
        "A venue is slow",
        "95 of 100 answers within the window took up to longer than allowed.",
        "ops.requests",
        ("thresholds.api_latency_ms", "alerts.limits.error_window_minutes"),
        "When they are a tenth faster than the limit.",
        "a venue",
    ),
    "api_budget": RuleText(
        "A request budget is nearly used up",
        "A venue's request budget is in use up to nearly its limit, or the venue told us to be"
        " silent for a while.",
        "The request budget that all runs of this machine share",
        ("alerts.limits.budget_percent",),
        "When a tenth less than the limit is in use and nobody has to be silent.",
        "a venue",
    ),
    "check_failed": RuleText(
        "An asset check failed",
        "The newest verdict of a check on a table found something. Checks that only warn are only"
        " worth knowing.",
        "ops.check_results",
        ("quality.severities",),
        "When the check passes.",
        "a table",
    ),
    "run_failed": RuleText(
        "A run failed",
        "A run failed and is not tried again, and the same work has not succeeded since.",
        "Dagster's runs",
        ("alerts.limits.run_failures_hours",),
        "When the same work succeeds, or when the failure is old.",
        "a job",
    ),
    "backfill_failed": RuleText(
        "A backfill failed",
        "A backfill, or partitions of it, failed.",
        "Dagster's backfills",
        ("alerts.limits.run_failures_hours",),
        "When the partitions that failed are there, or when the failure is old.",
        "what is backfilled",
    ),
    "backfill_stuck": RuleText(
        "A backfill stands still",
        "A backfill is in progress and no partition has been finished for too long.",
        "Dagster's backfills and their partitions",
        ("alerts.limits.backfill_stuck_minutes",),
        "With the next finished partition, or when it ends.",
        "what is backfilled",
    ),
    "not_ticking": RuleText(
        "Something does not tick",
        "A daemon, schedule or sensor is later than allowed, or its newest tick failed.",
        "The daemon's heartbeats; ticks of schedules and sensors",
        ("alerts.limits.tick_minutes",),
        "With the next good tick, or when a person turns it off.",
        "daemons, schedules, or sensors",
    ),
    "storage_growth": RuleText(
        "The warehouse grows fast",
        "The warehouse grew by more than allowed within a day, and by at least 1 GiB.",
        "The warehouse's size now and a day ago",
        ("alerts.limits.storage_growth_percent_a_day",),
        "When a tenth less than the limit was added within a day.",
        "the platform",
    ),
    "disk_left": RuleText(
        "The disk is nearly full",
        "The warehouse's disk has less left than a share of it, or than a fixed size.",
        "The disk that holds the warehouse",
        ("alerts.limits.disk_free_percent", "alerts.limits.disk_free_gib"),
        "When a tenth more than the limit is left.",
        "the platform",
    ),
    "history_horizon": RuleText(
        "History is about to be lost",
        "Wanted rows are not fetched yet and will soon be older than what the venue still gives"
        " (OKX gives three months of funding). What has fallen off is told once as lost.",
        "ops.coverage beside the venue's retention",
        ("alerts.limits.horizon_days",),
        "When they are fetched, or are lost.",
        "a venue's dataset",
    ),
    "instrument_changed": RuleText(
        "A contract changed",
        "A venue listed or delisted a contract, or changed its status, tick, lot or contract size"
        " or funding interval.",
        "raw.<venue>_instruments",
        ("alerts.limits.instrument_hours",),
        "It is told once.",
        "a venue",
        is_event=True,
    ),
    "cost_budget": RuleText(
        "The day's budget is nearly spent",
        "Today's statements cost, or would cost on BigQuery, more than a share of the budget: a"
        " warning; all of it: critical; on a released day only worth knowing.",
        "ops.query_costs, ops.budget_releases",
        ("thresholds.daily_cost_usd", "costs.warn_percent", "costs.stop_at_budget"),
        "With the next UTC day, or a larger budget.",
        "the platform",
    ),
    "delivery_failed": RuleText(
        "A channel cannot be reached",
        "Messages to a channel failed, and are tried again or were given up.",
        "ops.alert_deliveries",
        ("alerts.delivery.attempts", "alerts.delivery.first_pause_seconds"),
        "With the next message that gets through.",
        "a channel",
    ),
    "watch_failed": RuleText(
        "The watch itself failed",
        "A part of the watch could not look or judge, or this machine's clock is behind the"
        " venues'. What it could not tell stays as it was.",
        "The watch's own errors; the newest rows beside the clock",
        (),
        "With the next look that succeeds.",
        "a part of the watch",
    ),
    "price_threshold": RuleText(
        "A price crossed its threshold",
        "The newest close is above or below what somebody wrote down.",
        "marts.hourly_stats",
        ("alerts.market",),
        "When it is back by a margin.",
        "a market alert",
    ),
    "price_move": RuleText(
        "A price moved",
        "The move of the last hour is above or below what somebody wrote down.",
        "marts.hourly_stats",
        ("alerts.market",),
        "When it is back by a margin.",
        "a market alert",
    ),
    "volume_spike": RuleText(
        "A volume is unusual",
        "The last hour's volume, in multiples of its 24 hour average, is above or below what"
        " somebody wrote down.",
        "marts.hourly_stats",
        ("alerts.market",),
        "When it is back by a margin.",
        "a market alert",
    ),
    "funding_extreme": RuleText(
        "Funding is extreme",
        "The newest annualised funding rate is above or below what somebody wrote down.",
        "marts.funding_rates",
        ("alerts.market",),
        "When it is back by a margin.",
        "a market alert",
    ),
    "cross_venue_spread": RuleText(
        "Venues are apart",
        "The venues' closes of the same hour are further apart than somebody wrote down.",
        "marts.hourly_stats",
        ("alerts.market",),
        "When it is back by a margin.",
        "a market alert",
    ),
}
