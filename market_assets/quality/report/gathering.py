"""Everything that the warehouse knows of a day's quality, put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from market_assets.quality.expectations.stored import Stored
from market_assets.quality.report import records, score
from market_assets.quality.report.numbers import Report, SymbolDay, SymbolFacts, VenueFacts
from market_assets.quality.report.score import Parts
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import (
    DAY_MS,
    HOUR_MS,
    INTERVALS,
    Window,
    floor_to,
    to_datetime,
    to_ms,
)

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

DAYS_SHOWN = 14
_SETTLED = ("no_trade", "venue_outage", "not_listed")
_BADNESS = ("present", *_SETTLED, "missing")


def gather(
    settings: Settings, warehouse: Warehouse, day: date, now: datetime | None = None
) -> Report:
    """The report on a UTC day, with what is known by now."""
    return _Gathering(settings, warehouse, day, now or datetime.now(UTC)).report()


@dataclass(frozen=True)
class _Gathering:
    settings: Settings
    warehouse: Warehouse
    day: date
    now: datetime

    @cached_property
    def window(self) -> Window:
        start = datetime.combine(self.day, time(), UTC)
        return Window.of(start, start + timedelta(days=1))

    @cached_property
    def closed(self) -> Window:
        """The part of the day that is over."""
        return self.window.clip(end=max(self.window.start, floor_to(to_ms(self.now), HOUR_MS)))

    @cached_property
    def shown(self) -> Window:
        return Window(self.window.end - DAYS_SHOWN * DAY_MS, self.window.end)

    @cached_property
    def scored(self) -> Stored:
        """The days that the score is about."""
        span = Window(self.window.end - score.DAYS * DAY_MS, self.window.end)
        return Stored(self.warehouse, self.settings, span)

    @cached_property
    def first_asked(self) -> dict[tuple[str, str, str], int]:
        return records.first_asked(self.warehouse)

    def report(self) -> Report:
        of_day = Stored(self.warehouse, self.settings, self.window)
        symbols = tuple(self._symbols())
        venues = tuple(self._venues(of_day, symbols))
        return Report(
            self.day,
            self.now,
            score.mean(venue.score for venue in venues),
            venues,
            symbols,
            checks=records.checks(self.warehouse, self.now),
            corrections=records.corrections(of_day),
            quarantine=records.quarantine(of_day),
            repairs=records.repairs(self.warehouse, self.window),
            still_missing=len(self.warehouse.missing()),
            anomalies=records.anomalies(of_day),
            thresholds={
                name: float(value)
                for name, value in self.settings.thresholds.model_dump(mode="json").items()
            },
        )

    # -- symbols

    def _symbols(self) -> list[SymbolFacts]:
        counted: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for row in self.warehouse.coverage_by_day(
            venues=list(self.settings.enabled_venues), datasets=[OHLCV.name], window=self.shown
        ).to_pylist():
            series = (row["venue"], row["symbol"], row["interval"])
            counted.setdefault(series, []).append(row)
        quality = records.mean_quality(self.scored)
        corrected = records.counted_by_symbol(self.scored, "ops.revisions")
        held = records.counted_by_symbol(self.scored, "raw.quarantine", "status = 'held'")
        newest = records.newest(self.scored)
        found = []
        for venue, options in self.settings.enabled_venues.items():
            hours = self._hours(venue)
            for symbol in options.symbols:
                key = (venue, symbol)
                days = self._days(venue, symbol, counted)
                parts = self._parts(
                    days,
                    quality.get(key),
                    newest.get(key),
                    corrected.get(key, 0),
                    held.get(key, 0),
                )
                found.append(
                    SymbolFacts(venue, symbol, days, hours[symbol], parts, score.score(parts))
                )
        return found

    def _days(
        self, venue: str, symbol: str, counted: dict[tuple[str, str, str], list[dict[str, Any]]]
    ) -> tuple[SymbolDay, ...]:
        """The symbol's days, over all candle lengths that are collected."""
        options = self.settings.venue(venue)
        end = None if options.end is None else to_ms(options.end) + DAY_MS
        days = []
        for piece in self.shown.pieces(DAY_MS):
            day = to_datetime(piece.start).date()
            expected = present = absent = missing = 0
            due = piece.clip(to_ms(options.start), end)
            for interval in options.intervals:
                step = INTERVALS[interval]
                # A candle can be there when it has closed.
                over = due.clip(
                    # A backfill that nobody asked for yet is a wish, not a hole.
                    self.first_asked.get((venue, symbol, interval)),
                    max(due.start, floor_to(to_ms(self.now), step)),
                )
                expected += len(over.grid(step))
                for row in counted.get((venue, symbol, interval), ()):
                    if due and row["day"] == day:
                        present += row["rows"]
                        absent += sum(row[reason] for reason in _SETTLED)
                        missing += row["missing"]
            days.append(SymbolDay(day, expected, present, absent, missing))
        return tuple(days)

    def _parts(
        self,
        days: tuple[SymbolDay, ...],
        quality: float | None,
        newest: datetime | None,
        corrected: int,
        held: int,
    ) -> Parts:
        scored = days[-score.DAYS :]
        expected = sum(day.expected for day in scored)
        if not expected:
            return Parts(None, None, None, None, None)
        rows = sum(day.present for day in scored)
        end = self.closed.end
        age = None if newest is None else max(0.0, (end - to_ms(newest)) / 60_000)
        return Parts(
            sum(day.known for day in scored) / expected,
            quality,
            score.freshness(age, self.settings.thresholds.freshness_minutes),
            score.clean(corrected, rows),
            score.clean(held, rows + held),
        )

    def _hours(self, venue: str) -> dict[str, tuple[str, ...]]:
        """What is known of each symbol's hours, by the shortest candles that are collected."""
        options = self.settings.venue(venue)
        interval = min(options.intervals, key=lambda name: INTERVALS[name])
        step = INTERVALS[interval]
        states: dict[str, dict[int, str]] = {symbol: {} for symbol in options.symbols}
        rows = self.warehouse.read(
            venue, OHLCV, interval=interval, symbols=options.symbols, window=self.window
        )
        moments = rows.column("timestamp").to_pylist()
        for symbol, moment in zip(rows.column("symbol").to_pylist(), moments, strict=True):
            opened = to_ms(moment)
            for hour in Window(floor_to(opened, HOUR_MS), opened + step).grid(HOUR_MS):
                states[symbol][hour] = "present"
        gaps = self.warehouse.gaps(venue, OHLCV, interval, options.symbols, self.window)
        for symbol, absent in gaps.items():
            for gap in absent:
                span = Window(floor_to(gap.window.start, HOUR_MS), gap.window.end)
                for hour in span.grid(HOUR_MS):
                    known = states[symbol].get(hour, "present")
                    if _BADNESS.index(gap.reason) > _BADNESS.index(known):
                        states[symbol][hour] = gap.reason
        start = to_ms(options.start)
        return {
            symbol: tuple(
                "not_closed"
                if hour >= self.closed.end
                else found.get(hour, "not_collected" if hour < start else "not_asked")
                for hour in self.window.grid(HOUR_MS)
            )
            for symbol, found in states.items()
        }

    # -- venues

    def _venues(self, of_day: Stored, symbols: tuple[SymbolFacts, ...]) -> list[VenueFacts]:
        asked = records.requests(of_day)
        allowed = self.settings.thresholds.error_rate_percent / 100
        slow = self.settings.thresholds.api_latency_ms
        found = []
        for venue in self.settings.enabled_venues:
            of_venue = asked.get(venue, records.NOT_ASKED)
            rate = of_venue.errors / of_venue.requests if of_venue.requests else None
            p50, p95, p99 = of_venue.latencies
            found.append(
                VenueFacts(
                    venue,
                    score.mean(one.score for one in symbols if one.venue == venue),
                    of_venue.requests,
                    of_venue.errors,
                    rate,
                    rate / allowed if rate is not None and allowed else None,
                    p50,
                    p95,
                    p99,
                    p95 is not None and p95 > slow,
                )
            )
        return found
