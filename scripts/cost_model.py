"""What a platform of another size stores and asks: the measured statements, for other numbers.

scripts/measured_statements.json has every statement of an hour and a night of two symbols on three
venues. More symbols make tables longer, more venues make more tables that all marts read, and
candles of a minute make sixty rows of each hour beside the hour's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from market_assets.settings import Settings
from market_assets.warehouse.estimate import Prices, Scan, Span, Statement, TableFacts, price

MEASURED = json.loads(Path(__file__).with_name("measured_statements.json").read_text("utf-8"))
MEASURED_SYMBOLS = 2
MEASURED_VENUES = ("binance", "okx", "aster")
STORED_DAYS = 365
MINUTES_AN_HOUR = 60
# A row for each pair of symbols. It was measured with two: one pair, half a one for each symbol.
OF_PAIRS = ("marts.correlation_daily",)
# There is one portfolio, whatever is collected, and one price of all venues together.
OF_ONE = ("marts.risk_portfolio_daily",)
OF_ALL_VENUES = ("marts.consolidated_ohlcv", *OF_ONE)
# Every other mart is made of the hours, whatever else is collected.
OF_CANDLES = ("marts.ohlcv", "marts.consolidated_ohlcv")
_OF_VENUE = re.compile(rf"raw\.({'|'.join(MEASURED_VENUES)})_(\w+)")
_WATCHED_DAYS = Settings.model_validate({}).alerts.limits.completeness_days
# The watch looks after writes, some ten an hour with three venues; once a minute at most.
_LOOKS_AN_HOUR_A_VENUE = 10 / 3
_MOST_LOOKS_AN_HOUR = 60


@dataclass(frozen=True)
class Platform:
    """So many symbols on each of so many venues: candles of one hour, or of one minute as well."""

    symbols: int
    venues: int = 3
    minutes: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Venues beyond the three that there are count as one more of the last."""
        more = (f"venue{number}" for number in range(4, self.venues + 1))
        return (*MEASURED_VENUES, *more)[: self.venues]

    @property
    def intervals(self) -> int:
        return 2 if self.minutes else 1

    @property
    def candles_an_hour(self) -> int:
        """Of one symbol on one venue."""
        return 1 + (MINUTES_AN_HOUR if self.minutes else 0)

    @property
    def series(self) -> int:
        return self.symbols * self.venues

    @property
    def times_a_day(self) -> dict[str, int]:
        """How often each stage runs: each venue's hour is collected and checked, once all have
        come the marts of the day are built."""
        looks = min(_MOST_LOOKS_AN_HOUR, round(_LOOKS_AN_HOUR_A_VENUE * self.venues))
        return {
            "candles": 24 * self.venues * self.intervals,
            "funding": 24 * self.venues,
            "instruments": self.venues,
            "build": 24,
            "look": 24 * looks,
            "night": 1,
        }

    def statements(self, stage: str) -> list[Statement]:
        """What one run of the stage sends."""
        told = MEASURED["stages"][stage]
        if stage == "look":
            told = [_as_of_today(statement) for statement in told]
        return [statement for one in told for statement in self._statements(one)]

    def billed(self, stage: str) -> int:
        """Bytes of one day of the stage."""
        each = (price(one, self.tables, Prices()).bytes_billed for one in self.statements(stage))
        return self.times_a_day[stage] * sum(each)

    def billed_a_day(self) -> int:
        return sum(self.billed(stage) for stage in self.times_a_day)

    @cached_property
    def tables(self) -> dict[str, TableFacts]:
        """Every table with a year in it; today is day 0."""
        return {
            name: self._facts(name, measured)
            for known in MEASURED["tables"]
            for name, measured in self._tables(known)
        }

    @property
    def stored_bytes(self) -> float:
        return sum(one.rows() * one.row_bytes() for one in self.tables.values())

    # -- tables

    def _tables(self, known: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        told = MEASURED["tables"][known]
        found = _OF_VENUE.fullmatch(known)
        if found is None:
            yield known, told
            return
        for name in self._standing_for(found[1]):
            yield f"raw.{name}_{found[2]}", told

    def _standing_for(self, venue: str) -> tuple[str, ...]:
        """The venues for which a measured one stands: the last one also for all that came after."""
        if venue == MEASURED_VENUES[-1]:
            return self.names[len(MEASURED_VENUES) - 1 :]
        return (venue,) if venue in self.names else ()

    def _facts(self, name: str, measured: Mapping[str, Any]) -> TableFacts:
        rows = round(self.rows_a_day(name, measured["rows_a_day"]) * STORED_DAYS)
        spans = (Span(1 - STORED_DAYS, 0, rows),) if rows else ()
        undated = measured["rows"] * self.symbols
        if name == "ops.coverage":
            undated *= self.venues / len(MEASURED_VENUES) * (1.5 if self.minutes else 1)
        return TableFacts(measured["widths"], spans, round(undated))

    def rows_a_day(self, table: str, of_symbol: float) -> float:
        if table in self._logs:
            return self._logs[table]
        if table in OF_PAIRS:
            rows = of_symbol * self.symbols * (self.symbols - 1)
        else:
            rows = of_symbol * (MEASURED_SYMBOLS if table in OF_ONE else self.symbols)
        if table.startswith("marts.") and table not in OF_ALL_VENUES:
            rows *= self.venues / len(MEASURED_VENUES)
        if table in OF_CANDLES or (table.startswith("raw.") and table.endswith("_ohlcv")):
            rows *= self.candles_an_hour
        return rows

    @cached_property
    def _logs(self) -> Mapping[str, int]:
        """Rows a day: a few weeks were collected at once, which left fewer than hour by hour."""
        hours = 24 * self.venues
        issued = sum(
            times * len(self.statements(stage)) for stage, times in self.times_a_day.items()
        )
        return {
            "ops.requests": hours * (1 + self.intervals) * self.symbols,
            "ops.changes": hours * (1 + self.intervals),
            "ops.builds": 24 * 25,
            "ops.check_results": hours * 17,
            "ops.query_costs": issued,
        }

    # -- statements

    def _statements(self, told: Mapping[str, Any]) -> Iterator[Statement]:
        """The measured statement, once for each venue if it asks about one of them."""
        named = [told["asset"], *(scan[0] for scan in told["scans"])]
        venues = {found[1] for name in named if (found := _OF_VENUE.fullmatch(name))}
        if len(venues) == 1:
            [venue] = venues
            for name in self._standing_for(venue):
                yield self._statement(told, {venue: (name,)})
        else:
            yield self._statement(told, {venue: self._standing_for(venue) for venue in venues})

    def _statement(
        self, told: Mapping[str, Any], venues: Mapping[str, tuple[str, ...]]
    ) -> Statement:
        scans = tuple(
            Scan(name, None if columns is None else tuple(columns), first, last, rewrites)
            for table, columns, first, last, rewrites in told["scans"]
            for name in _renamed(table, venues)
        )
        stores_candles = any(
            scan.rewrites and scan.table.endswith("_ohlcv") and scan.table.startswith("raw.")
            for scan in scans
        )
        # The commits of an hour take turns: one has its hours, the other its minutes.
        longer = self.candles_an_hour / self.intervals if stores_candles else 1
        staged = tuple(round(size * self.symbols * longer) for size in told["staged_per_symbol"])
        [asset] = _renamed(told["asset"], venues)[:1] or [told["asset"]]
        return Statement(told["label"], scans, staged, asset)


def _as_of_today(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same look on a day when rows came: it asks for the newest days, by constants.

    The exchanges of the measurement stand in March. All series had fallen silent long ago, for the
    watch of now, and only for those it reads older rows: a whole table of them.
    """
    scans = [
        [table, columns, 1 - _WATCHED_DAYS, 0, rewrites]
        if first is None and last is None and _OF_VENUE.fullmatch(table) and "timestamp" in columns
        else [table, columns, first, last, rewrites]
        for table, columns, first, last, rewrites in told["scans"]
    ]
    return {**told, "scans": scans}


def _renamed(name: str, venues: Mapping[str, tuple[str, ...]]) -> list[str]:
    found = _OF_VENUE.fullmatch(name)
    if found is None:
        return [name]
    return [f"raw.{venue}_{found[2]}" for venue in venues.get(found[1], ())]
