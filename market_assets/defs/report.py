"""What a materialisation shows in Dagster: numbers to plot, and pictures to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from market_assets.defs import pictures
from market_assets.defs.outcome import Outcome, complete_hours
from market_assets.schemas import arrow
from market_assets.schemas.datasets import DATASETS, INSTRUMENTS, OHLCV
from market_assets.schemas.timeline import HOUR_MS, INTERVALS, Window, floor_to, to_text

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.ingest.job import Summary
    from market_assets.warehouse.contract import Gap
    from market_assets.warehouse.protocol import Warehouse

# What fits into a picture that is still read at a glance, and stays far below 40 kB.
HOURS_SHOWN = 72
SYMBOLS_DRAWN = 3
MOST_CANDLES = 150
MOST_CELLS = 1500
_BADNESS = ("present", "not_listed", "no_trade", "venue_outage", "missing")


class Report:
    """The outcome of a run, with what the warehouse holds of its window and of the days before."""

    def __init__(self, outcome: Outcome, warehouse: Warehouse) -> None:
        self.outcome = outcome
        self.warehouse = warehouse
        end = outcome.hours.end
        # An hour alone makes no picture: the days before it are drawn with it.
        self.shown = Window(end - HOURS_SHOWN * HOUR_MS, end)
        self.series = [
            _Series(summary, self._read(summary))
            for summary in outcome.summaries
            if summary.job.dataset != INSTRUMENTS.name
        ]

    def _read(self, summary: Summary) -> pa.Table:
        """Symbol, moment and values of the run's window and of what is shown."""
        job = summary.job
        return self.warehouse.read(
            job.venue,
            DATASETS[job.dataset],
            interval=job.interval,
            symbols=job.symbols,
            window=Window(min(job.window.start, self.shown.start), job.window.end),
        )

    def numbers(self) -> dict[str, dg.MetadataValue]:
        """Typed, so that Dagster plots them over time."""
        hours = self.outcome.hours
        values: dict[str, dg.MetadataValue] = {
            "window_start": dg.MetadataValue.text(f"{to_text(hours.start)} UTC"),
            "window_end": dg.MetadataValue.text(f"{to_text(hours.end)} UTC"),
        }
        if self.series:
            rows = sum(self.rows_by_hour().values())
            values["dagster/row_count"] = dg.MetadataValue.int(rows)
        for name, number in self.outcome.numbers().items():
            values[name] = (
                dg.MetadataValue.int(number)
                if isinstance(number, int)
                else dg.MetadataValue.float(number)
            )
        return values

    def rows_by_hour(self) -> dict[int, int]:
        """How many rows each hour's partition holds; an hour without rows has 0."""
        counts: Counter[int] = Counter()
        for series in self.series:
            counts.update(series.hours)
        return {hour: counts[hour] for hour in self.outcome.hours.grid(HOUR_MS)}

    def pictures(self) -> dict[str, dg.MetadataValue]:
        """The last days up to the run's end: prices or rates, and what is there and what is not."""
        if not self.series:
            return {}
        job = self.series[0].job
        what = f"{job.venue} {job.dataset} {job.interval}".strip()
        states = {
            symbol: self._states(symbol)
            for symbol in job.symbols[: MOST_CELLS // (self.shown.length // HOUR_MS)]
        }
        chart = self._chart(self.series[0], what)
        coverage = pictures.coverage(f"{what}: coverage by hour", states, self.shown)
        return {
            "chart": dg.MetadataValue.md(pictures.markdown("chart", chart)),
            "coverage": dg.MetadataValue.md(pictures.markdown("coverage", coverage)),
        }

    # -- drawing

    def _chart(self, series: _Series, title: str) -> str:
        symbols = series.job.symbols[:SYMBOLS_DRAWN]
        if series.job.dataset != OHLCV.name:
            rates = {name: series.points(name, self.shown, ("funding_rate",)) for name in symbols}
            return pictures.bars(title, rates, self.shown)
        columns = ("open", "high", "low", "close")
        drawn = {
            name: [
                pictures.Candle(*point)
                for point in series.points(name, self.shown, columns)[-MOST_CANDLES:]
            ]
            for name in symbols
        }
        first = min((c.opened for line in drawn.values() for c in line), default=self.shown.start)
        window = self.shown
        if series.step < HOUR_MS:  # minutes fill the picture long before they fill three days
            window = window.clip(start=first)
        return pictures.candles(title, drawn, window, series.step)

    def _states(self, symbol: str) -> list[str]:
        """The worst that can be said about each hour of a symbol, over all candle lengths."""
        found: dict[int, str] = {}
        for series in self.series:
            for name, moment in series.moments:
                if name == symbol:
                    found.setdefault(series.hour_of(moment), "present")
        for series in self.series:
            for gap in self._gaps(series, symbol):
                start = floor_to(gap.window.start + series.later, HOUR_MS)
                span = Window(start, max(start, gap.window.end + series.later))
                for hour in span.clip(self.shown.start, self.shown.end).grid(HOUR_MS):
                    if _BADNESS.index(gap.reason) > _BADNESS.index(found.get(hour, "present")):
                        found[hour] = gap.reason
        open_from = min((w.start for w in self.outcome.not_closed), default=self.shown.end)
        asked = complete_hours(
            self.warehouse,
            self.series[0].job.venue,
            self.series[0].job.dataset,
            [symbol],
            [series.job.interval for series in self.series],
            self.shown,
        )
        otherwise = dict.fromkeys(asked, "nothing_due")
        return [
            "not_closed" if hour >= open_from else found.get(hour, otherwise.get(hour, "not_asked"))
            for hour in self.shown.grid(HOUR_MS)
        ]

    def _gaps(self, series: _Series, symbol: str) -> list[Gap]:
        """The record's gaps, and what this run left missing because it was stopped."""
        job = series.job
        recorded = self.warehouse.gaps(
            job.venue, DATASETS[job.dataset], job.interval, [symbol], self.shown
        )[symbol]
        return recorded + [item.gap for item in series.summary.missing if item.symbol == symbol]


class _Series:
    """The rows of one job, as the pictures need them."""

    def __init__(self, summary: Summary, table: pa.Table) -> None:
        self.summary = summary
        self.job = summary.job
        self.table = table
        self.step = INTERVALS.get(self.job.interval, HOUR_MS)
        # A candle longer than an hour belongs to the hour it closes in.
        self.later = max(0, self.step - HOUR_MS)
        self.moments = list(
            zip(
                table.column("symbol").to_pylist(),
                # As numbers: for a moment of Python's own pyarrow imports pandas.
                (arrow.numbers(table.column("timestamp")) // 1000).tolist(),
                strict=True,
            )
        )
        self.hours = Counter(self.hour_of(moment) for _, moment in self.moments)

    def hour_of(self, moment: int) -> int:
        return floor_to(moment + self.later, HOUR_MS)

    def points(self, symbol: str, shown: Window, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Moment and values of a symbol's rows inside of what is shown."""
        values = zip(*(self.table.column(name).to_pylist() for name in columns), strict=True)
        return [
            (moment, *row)
            for (name, moment), row in zip(self.moments, values, strict=True)
            if name == symbol and moment in shown
        ]
