"""What stands in the way of a larger platform: how much of each limit it uses.

A share of 1 is the limit. Where only the real service can tell, the number is an assumption and
called so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from cost_model import Platform

from market_assets.schemas.timeline import HOUR_MS, INTERVALS, Window
from market_assets.settings import Settings
from market_assets.venues.contract import Call, Instrument
from market_assets.venues.registry import VENUES
from market_assets.warehouse.estimate import Prices, price

DEFAULTS = Settings.model_validate({})
HOURS_A_YEAR = 8760
# Daily besides: compaction, pruning, backup, expectations, report, dbt's docs, export.
RUNS_OF_THE_NIGHT = 7
# A run's start is CPU: Dagster's own (facts in dagster.yaml). What it then does is mostly waiting.
SECONDS_OF_A_RUN = 2.0
# https://cloud.google.com/bigquery/quotas, as quoted 2026-09
LOADS_A_DAY = 100_000
# Every writing transaction raises a counter in ops.writers, so that they take turns. How long one
# takes on the real service is not known here: assumed.
SECONDS_OF_A_TRANSACTION = 10.0
# Rows of less are written into the statement (warehouse/bigquery/staging.py).
INLINE_BYTES = 64 * 1024
# CPU as bench/scale.py measured it on 2026-11-21 (docs/scale.md): a commit, its rows, and the marts
# of a day, which took the same for 20 and for 500 symbols. How fast a build of more bytes reads is
# assumed.
COMMIT_SECONDS = 0.2
ROWS_A_SECOND = 175_000
BUILD_SECONDS = 40.0
BUILD_BYTES = Platform(500).billed("build") / 24
BUILD_BYTES_A_SECOND = 40 * 2**20
BYTES_OF_A_CANDLE = 53


@dataclass(frozen=True, slots=True)
class Venue:
    """What one venue is asked, and what it allows."""

    weight_a_day: int
    share: float  # of its tightest bucket, in the hour
    year_hours: float  # that a year of candles takes at the whole budget


@dataclass(frozen=True)
class Load:
    """One platform's load on everything that has a limit."""

    platform: Platform

    @property
    def rows_a_day(self) -> int:
        return 24 * self.platform.candles_an_hour * self.platform.series

    @cached_property
    def venues(self) -> Mapping[str, Venue]:
        return {name: self._venue(name) for name in VENUES}

    @property
    def runs_a_day(self) -> int:
        """Candles and funding of a venue's hour are one run, so are its daily instruments."""
        return 24 * self.platform.venues + 2 * self.platform.venues + 24 + RUNS_OF_THE_NIGHT

    @cached_property
    def loads_a_day(self) -> int:
        """Load jobs: what is too long to stand in the statement."""
        return sum(
            times
            for stage, times in self.platform.times_a_day.items()
            for statement in self.platform.statements(stage)
            for size in statement.staged
            if size > INLINE_BYTES
        )

    @cached_property
    def changes_a_day(self) -> int:
        """Statements that change rows: MERGE and the like."""
        return sum(
            self.platform.times_a_day[stage] * sum(scan.rewrites for scan in statement.scans)
            for stage in self.platform.times_a_day
            for statement in self.platform.statements(stage)
        )

    @cached_property
    def transactions_a_day(self) -> int:
        """The log of a commit is loaded once for each: that counts them."""
        return sum(
            times * sum(statement.label == "load" for statement in self.platform.statements(stage))
            for stage, times in self.platform.times_a_day.items()
        )

    @cached_property
    def largest_bytes(self) -> int:
        """What the largest statement bills."""
        return max(
            price(statement, self.platform.tables, Prices()).bytes_billed
            for stage in self.platform.times_a_day
            for statement in self.platform.statements(stage)
        )

    @property
    def dollars_a_month(self) -> float:
        return 30 * self.platform.billed_a_day() / 2**40 * Prices().dollars_per_tib

    @cached_property
    def embedded_seconds(self) -> float:
        """CPU of one hour's commits and marts on the embedded warehouse."""
        commits = self.platform.venues * (1 + self.platform.intervals)
        rows = self.platform.candles_an_hour * self.platform.series
        read = self.platform.billed("build") / self.platform.times_a_day["build"]
        marts = BUILD_SECONDS + max(0, read - BUILD_BYTES) / BUILD_BYTES_A_SECOND
        return commits * COMMIT_SECONDS + rows / ROWS_A_SECOND + marts

    def shares(self) -> dict[str, float]:
        """The limits that grow with a platform, and how much of each is used."""
        busiest = max(self.venues.values(), key=lambda venue: venue.share)
        cores = 2
        return {
            "venue budget": busiest.share,
            "Dagster runs": self.runs_a_day * SECONDS_OF_A_RUN / (cores * 86_400),
            "embedded store": self.embedded_seconds / 3600,
            "BigQuery loads": self.loads_a_day / LOADS_A_DAY,
            "BigQuery writers": self.transactions_a_day * SECONDS_OF_A_TRANSACTION / 86_400,
            "bytes of a query": self.largest_bytes / DEFAULTS.costs.maximum_bytes_billed,
            "daily budget": self.dollars_a_month / 30 / DEFAULTS.thresholds.daily_cost_usd,
        }

    # -- venues

    def spent_in_an_hour(self, name: str) -> dict[str, float]:
        """Weight by bucket: each job asks for the time and what is listed before its symbols."""
        venue = VENUES[name]
        spent: dict[str, float] = {}
        for call in self._calls_of_an_hour(name):
            _add(spent, call, self.platform.symbols)
            for first in (venue.time_call(), *venue.instrument_calls()):
                _add(spent, first, 1)
        return spent

    def _venue(self, name: str) -> Venue:
        venue = VENUES[name]
        seconds = {bucket.name: (bucket.limit, bucket.seconds) for bucket in venue.limits.buckets}

        def hours(spent: Mapping[str, float]) -> float:
            """How long it takes at the whole of the tightest budget."""
            return max(
                weight / seconds[bucket][0] * seconds[bucket][1] / 3600
                for bucket, weight in spent.items()
            )

        hour = self.spent_in_an_hour(name)
        page = venue.limits.candle_page_rows
        year: dict[str, float] = {}
        for interval in self._intervals():
            step = INTERVALS[interval]
            pages = -(-HOURS_A_YEAR * HOUR_MS // (step * page))
            call = venue.candles_call(_symbol(name), interval, Window(0, page * step), 2**42)
            _add(year, call, pages * self.platform.symbols)
        weight = round(24 * sum(hour.values()))
        return Venue(weight, hours(hour), hours(year))

    def _calls_of_an_hour(self, name: str) -> Iterator[Call]:
        venue, symbol = VENUES[name], _symbol(name)
        for interval in self._intervals():
            yield venue.candles_call(symbol, interval, Window(0, HOUR_MS), HOUR_MS)
        yield venue.funding_call(symbol, Window(0, HOUR_MS))

    def _intervals(self) -> tuple[str, ...]:
        return ("1h", "1m") if self.platform.minutes else ("1h",)


def _add(spent: dict[str, float], call: Call, times: int) -> None:
    for bucket, weight in call.costs:
        spent[bucket] = spent.get(bucket, 0) + weight * times


def _symbol(venue: str) -> Instrument:
    return Instrument(
        venue, "BTCUSDT", "BTC-USDT-SWAP" if venue == "okx" else "BTCUSDT",
        "BTC", "USDT", "USDT", 1.0, 0.1, 0.001, "trading", 0,
    )  # fmt: skip
