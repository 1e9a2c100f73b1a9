"""One look as the evaluators get it: what was seen, the limits, the time, and each series' age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from market_assets.health.observed import Observed, Series, VerdictKey
from market_assets.health.policy import Policy
from market_assets.schemas.verdicts import Verdict

# owed: rows are due. waiting: rows are due and none ever came. not_begun, ended, halted: none are.
# unknown: none came, and nobody knows since when they are due. ahead: its rows lie in the future.
Peers = tuple[str, str, str]
Phase = Literal["owed", "waiting", "not_begun", "ended", "halted", "unknown", "ahead"]
NO_SPAN = timedelta()
# One look can be late and one be lost; a look that is late by this much more than its intervals
# is a slow machine, not a hole.
MISSED_LOOKS = 3
SLOW = timedelta(seconds=30)


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
        return self.data if self.data > self.ingestion else self.ingestion

    @property
    def is_stale(self) -> bool:
        return self.data > self.limit or self.ingestion > self.limit

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
        if self.hole_since is not None:
            return True
        since = _latest(self.observed.began_at, self.observed.resumed_at)
        return since is not None and NO_SPAN <= self.now - since < self.policy.catch_up

    @cached_property
    def hole_since(self) -> datetime | None:
        """When the hole that ends with this look began; None when looks came in time."""
        previous = self.observed.previous
        if previous is None or self.now - previous.at <= previous.interval * MISSED_LOOKS + SLOW:
            return None
        return previous.at

    @cached_property
    def fresh(self) -> Mapping[Peers, int]:
        """How many series of each venue, dataset and interval are fresh."""
        return Counter(peers_of(age.series) for age in self.ages or () if age.is_fresh)

    @cached_property
    def alone(self) -> Mapping[str, int]:
        """How many series of each venue are stale without a fresh one of their kind."""
        return Counter(
            age.series.venue
            for age in self.ages or ()
            if age.is_stale and not self.fresh.get(peers_of(age.series))
        )

    @cached_property
    def latest(self) -> datetime:
        """What is later than this lies in the future, and not just by a clock that is a bit off."""
        return self.now + self.policy.clock_tolerance

    def _age(self, series: Series) -> Age:
        now, newest = self.now, series.newest_data_at
        limit = self.policy.age_limit(self.policy.freshness, series.due_every)
        begins, ends = _latest(series.listed_at, series.collect_from), series.delisted_at
        if begins is not None and begins > now:
            return Age(series, "not_begun", limit)
        if ends is not None and ends <= now:
            return Age(series, "ended", limit)
        if series.collect_until is not None and series.collect_until <= now:
            return Age(series, "ended", limit)
        if series.is_halted:
            return Age(series, "halted", limit)
        # Rows of an older listing, or from before a symbol was taken up again, owe nothing.
        begins = _latest(begins, series.wanted_since)
        if newest is None:
            if series.wanted_since is None:
                if self.observed.began_at is None:
                    return Age(series, "unknown", limit)
                begins = _latest(begins, self.observed.began_at)
            return Age(series, "waiting", limit, _since(begins, now))
        if newest > self.latest:
            return Age(series, "ahead", limit)
        data, ingested = _since(_latest(newest, begins), now), series.newest_ingestion_at
        if ingested is None:
            return Age(series, "owed", limit, data)
        # An ingestion in the future was stamped by a clock that was wrong then: its age is none,
        # and the data tell.
        return Age(series, "owed", limit, data, _since(_latest(ingested, begins), now))


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or (other is not None and other > one):
        return other
    return one


def _since(at: datetime | None, now: datetime) -> timedelta:
    return NO_SPAN if at is None or at > now else now - at


Evaluator = Callable[[Look], Iterable[Verdict]]


def peers_of(series: Series) -> Peers:
    return series.venue, series.dataset, series.interval


def scope_of(series: Series) -> str:
    return f"{series.venue} {series.dataset}"


def member_of(series: Series) -> str:
    return f"{series.symbol} {series.interval}" if series.interval else series.symbol
