"""One look as the evaluators get it: what was seen, the limits, the time, and each series' age."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from market_assets.health.observed import Observed, Series, VerdictKey
from market_assets.health.policy import Policy
from market_assets.schemas.verdicts import Verdict

# owed: rows are due. waiting: rows are due and none ever came. not_begun, ended, halted: none are.
# unknown: none came, and nobody knows since when they are due. ahead: its rows lie in the future.
Phase = Literal["owed", "waiting", "not_begun", "ended", "halted", "unknown", "ahead"]
NO_SPAN = timedelta()


@dataclass(frozen=True, slots=True)
class Age:
    """How old a series is, in data time and in the time of its ingestion."""

    series: Series
    phase: Phase
    limit: timedelta
    data: timedelta = NO_SPAN
    ingestion: timedelta = NO_SPAN

    @property
    def oldest(self) -> timedelta:
        return max(self.data, self.ingestion)

    @property
    def is_stale(self) -> bool:
        return self.oldest > self.limit

    @property
    def is_fresh(self) -> bool:
        return self.phase == "owed" and not self.is_stale


@dataclass(frozen=True)
class Look:
    """What an evaluator may look at: it has no other source."""

    observed: Observed
    policy: Policy
    now: datetime

    @cached_property
    def ages(self) -> tuple[Age, ...] | None:
        series = self.observed.series
        return None if series is None else tuple(self._age(one) for one in series)

    @cached_property
    def failed_before(self) -> frozenset[VerdictKey]:
        previous = self.observed.previous
        return frozenset() if previous is None else previous.failing

    @cached_property
    def is_catching_up(self) -> bool:
        """Whether the platform has only just begun, or gone on after a hole."""
        began, resumed = self.observed.began_at, self.observed.resumed_at
        since = max((at for at in (began, resumed) if at is not None), default=None)
        return since is not None and NO_SPAN <= self.now - since < self.policy.catch_up

    def is_ahead(self, at: datetime) -> bool:
        """Whether a moment that must have passed lies in the future."""
        return at > self.now + self.policy.clock_tolerance

    def _age(self, series: Series) -> Age:
        policy, now = self.policy, self.now
        limit = policy.age_limit(policy.freshness, series.due_every)
        begins = [at for at in (series.listed_at, series.collect_from) if at is not None]
        ends = [at for at in (series.delisted_at, series.collect_until) if at is not None]
        if begins and max(begins) > now:
            return Age(series, "not_begun", limit)
        if ends and min(ends) <= now:
            return Age(series, "ended", limit)
        if series.is_halted:
            return Age(series, "halted", limit)
        # Rows of an older listing, or from before a symbol was taken up again, owe nothing.
        if series.wanted_since is not None:
            begins.append(series.wanted_since)
        if series.newest_data_at is None:
            if series.wanted_since is None:
                if self.observed.began_at is None:
                    return Age(series, "unknown", limit)
                begins.append(self.observed.began_at)
            return Age(series, "waiting", limit, max(NO_SPAN, now - max(begins)))
        if self.is_ahead(series.newest_data_at):
            return Age(series, "ahead", limit)
        data = now - max([series.newest_data_at, *begins])
        ingested = series.newest_ingestion_at
        # An ingestion in the future was stamped by a clock that was wrong then: the data tell.
        if ingested is None or self.is_ahead(ingested):
            return Age(series, "owed", limit, max(NO_SPAN, data))
        ingestion = now - max([ingested, *begins])
        return Age(series, "owed", limit, max(NO_SPAN, data), max(NO_SPAN, ingestion))


Evaluator = Callable[[Look], Iterable[Verdict]]


def scope_of(series: Series) -> str:
    return f"{series.venue} {series.dataset}"


def member_of(series: Series) -> str:
    return f"{series.symbol} {series.interval}" if series.interval else series.symbol
