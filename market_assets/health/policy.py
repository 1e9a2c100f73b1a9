"""Every number that an evaluator compares with, by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.settings.alerts import MarketAlert

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits. The defaults are those of the settings: a test compares them."""

    freshness: timedelta = timedelta(minutes=120)
    silent: timedelta = timedelta(minutes=180)
    completeness_percent: float = 95.0
    error_rate_percent: float = 5.0
    error_window: timedelta = timedelta(minutes=60)
    error_least_requests: int = 20
    api_latency_ms: float = 5000.0
    budget_percent: float = 90.0
    run_failures: timedelta = timedelta(hours=24)
    backfill_stuck: timedelta = timedelta(minutes=120)
    tick_late: timedelta = timedelta(minutes=10)
    storage_growth_percent_a_day: float = 50.0
    disk_free_percent: float = 5.0
    disk_free_bytes: float = 2 * GIB
    horizon: timedelta = timedelta(days=7)
    instrument_news: timedelta = timedelta(hours=24)
    cost_warn_percent: float = 80.0
    stop_at_budget: bool = False
    market: tuple[MarketAlert, ...] = ()
    # Rules that are switched off: what nobody hears of must not keep others from being heard.
    off: frozenset[str] = frozenset()

    # What nobody needs to set.
    # Missing rows are asked for within minutes of a start: an hour's worth of five symbols takes
    # seconds, a night's a few minutes. Until then the start itself is the news.
    catch_up: timedelta = timedelta(minutes=15)
    # A machine whose clock is set by the network is off by milliseconds; candles may be stamped
    # seconds ahead of it. Minutes are a wrong clock.
    clock_tolerance: timedelta = timedelta(minutes=5)
    # A value that failed is fine again only when it is this share of its limit on the good side,
    # so that one that trembles around its limit is told once.
    margin: float = 0.1
    # One request is sent up to `http.attempts` times: five in a row are a minute of no answer.
    failures_in_a_row: int = 5
    # A p95 of fewer answers is the slowest one.
    latency_least_requests: int = 5
    # A young warehouse multiplies in a day, and that is what it is for.
    growth_least_bytes: float = GIB

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The limits of one installation."""
        thresholds, limits, costs = settings.thresholds, settings.alerts.limits, settings.costs
        return cls(
            freshness=timedelta(minutes=thresholds.freshness_minutes),
            silent=timedelta(minutes=limits.silent_minutes),
            completeness_percent=thresholds.completeness_percent,
            error_rate_percent=thresholds.error_rate_percent,
            error_window=timedelta(minutes=limits.error_window_minutes),
            error_least_requests=limits.error_least_requests,
            api_latency_ms=float(thresholds.api_latency_ms),
            budget_percent=limits.budget_percent,
            run_failures=timedelta(hours=limits.run_failures_hours),
            backfill_stuck=timedelta(minutes=limits.backfill_stuck_minutes),
            tick_late=timedelta(minutes=limits.tick_minutes),
            storage_growth_percent_a_day=limits.storage_growth_percent_a_day,
            disk_free_percent=limits.disk_free_percent,
            disk_free_bytes=limits.disk_free_gib * GIB,
            horizon=timedelta(days=limits.horizon_days),
            instrument_news=timedelta(hours=limits.instrument_hours),
            cost_warn_percent=costs.warn_percent,
            stop_at_budget=costs.stop_at_budget,
            market=settings.alerts.market,
            off=frozenset(
                rule for rule, how_bad in settings.alerts.severities.items() if how_bad == "off"
            ),
        )

    def age_limit(self, least: timedelta, due_every: timedelta) -> timedelta:
        """How old the newest row may be. Rows due further apart than `least` get it on top."""
        return least if due_every < least else due_every + least
