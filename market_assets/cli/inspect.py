"""`market-assets status | query | export | instruments`: looking at what is stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market_assets.cli import options
from market_assets.cli.unasked import show_unasked
from market_assets.schemas.datasets import DATASETS, INSTRUMENTS
from market_assets.schemas.timeline import DAY_MS, INTERVALS, Window, floor_to, to_ms

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.warehouse.protocol import Warehouse

# Symbols of a series from which those whose days are alike share a line: a screen has 40 lines.
_FOLDED_FROM = 30
SETTLED = ("no_trade", "venue_outage", "not_listed")


@contextmanager
def _reading(config: Path | None) -> Iterator[Warehouse]:
    with options.warehouse(options.load(config), read_only=True) as store:
        yield store


@click.command()
@click.option("--venue", help="Only this venue.")
@click.option("--dataset", help="Only this dataset.")
@click.option(
    "--days",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many days are shown.",
)
@click.option("--to", "end", type=options.MOMENT, help="Last day shown (default: today).")
@click.option("--all", "unfolded", is_flag=True, help="Each symbol on a line of its own.")
@options.config
def status(
    venue: str | None,
    dataset: str | None,
    days: int,
    end: datetime | None,
    unfolded: bool,
    config: Path | None,
) -> None:
    """Show how complete each venue, symbol and day is.

    Cells are the percentage of a day's candles that are stored or rightly absent; for funding, the
    number of settlements. A cell with ! has intervals missing. Of many symbols, those whose days
    are alike share a line. What the settings name and nobody
    asked for is listed below, with the command that brings it.
    """
    settings = options.load(config)
    options.check_filters(settings, venue, dataset)
    last = (end or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = [last - timedelta(days=back) for back in reversed(range(days))]
    window = Window(to_ms(shown[0]), to_ms(last) + DAY_MS)
    with options.warehouse(settings, read_only=True) as store:
        table = store.coverage_by_day(
            venues=[venue] if venue else [], datasets=[dataset] if dataset else [], window=window
        )
        show_coverage(table, shown, folded=not unfolded)
        show_unasked(store, settings, venue, dataset, config)


def show_coverage(table: pa.Table, days: list[datetime], *, folded: bool = True) -> None:
    """The coverage of the days as one table a dataset."""
    from rich.table import Table

    console = options.console()
    rows = table.to_pylist()
    if not rows:
        console.print(f"Nothing is stored from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}.")
    series = ("venue", "dataset", "interval")
    for (venue, name, interval), group in groupby(rows, lambda row: tuple(row[c] for c in series)):
        view = Table(title=f"{venue} {name} {interval}".strip(), title_justify="left")
        view.add_column("symbol")
        for day in days:
            view.add_column(f"{day:%m-%d}", justify="right")
        lines: dict[str, tuple[str, ...]] = {}
        for symbol, of_symbol in groupby(group, lambda row: row["symbol"]):
            by_day = {_day(row["day"]): row for row in of_symbol}
            cells = (_cell(by_day.get(f"{d:%Y-%m-%d}"), interval, d) for d in days)
            lines[symbol] = tuple(cells)
        for symbols, alike in _together(lines, folded=folded and len(lines) > _FOLDED_FROM):
            view.add_row(symbols, *alike)
        console.print(view)


def _together(
    lines: dict[str, tuple[str, ...]], *, folded: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Symbols by their cells, in the order of the first of each; unfolded, each on its own."""
    if not folded:
        yield from lines.items()
        return
    alike: dict[tuple[str, ...], list[str]] = {}
    for symbol, cells in lines.items():
        alike.setdefault(cells, []).append(symbol)
    for cells, symbols in alike.items():
        more = f" and {len(symbols) - 1} more" if len(symbols) > 1 else ""
        yield symbols[0] + more, cells


def _day(value: Any) -> str:
    return f"{value:%Y-%m-%d}"


def _cell(row: dict[str, Any] | None, interval: str, day: datetime) -> str:
    if row is None:
        return "[dim]·[/]"
    mark = "!" if row["missing"] else ""
    if interval not in INTERVALS:
        colour = "red" if mark else "green"
        return f"[{colour}]{row['rows']}{mark}[/]"
    step = INTERVALS[interval]
    start = to_ms(day)
    closed = floor_to(to_ms(datetime.now(UTC)), step)
    expected = (min(start + DAY_MS, closed) - start) // step
    if expected <= 0:
        return "[dim]·[/]"
    percent = 100 * (row["rows"] + sum(row[reason] for reason in SETTLED)) / expected
    colour = "green" if percent >= 100 and not mark else "red" if mark else "yellow"
    return f"[{colour}]{min(percent, 100):.4g}{mark}[/]"


@click.command()
@click.argument("sql")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    help="How the answer is printed.",
)
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=options.COUNT,
    help="Rows shown as a table; 0: all.",
)
@options.config
def query(sql: str, style: str, limit: int, config: Path | None) -> None:
    """Run read-only SQL: tables are raw.<venue>_<dataset>, ops.* and, once built, marts.*.

    "show all tables" lists them, "describe raw.binance_ohlcv" the columns of one.
    """
    with _reading(config) as store:
        table = store.query(sql)
    if style == "table":
        options.show_rows(table, limit or table.num_rows)
    elif style == "csv":
        from pyarrow import csv

        csv.write_csv(table, sys.stdout.buffer)
    else:
        import json

        for row in table.to_pylist():
            click.echo(json.dumps(row, default=str))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--venue", required=True, help="The exchange, such as binance.")
@click.option("--dataset", default="ohlcv", show_default=True, help="What to work on.")
@click.option("--symbols", help="Comma list (default: all that are stored).")
@click.option("--interval", default="1h", show_default=True, help="Candle length, for ohlcv.")
@click.option("--from", "start", type=options.MOMENT, help="First moment, inclusive (UTC).")
@click.option("--to", "end", type=options.MOMENT, help="End, exclusive (UTC; default: now).")
@options.config
def export(
    path: Path,
    venue: str,
    dataset: str,
    symbols: str | None,
    interval: str,
    start: datetime | None,
    end: datetime | None,
    config: Path | None,
) -> None:
    """Write a window of a dataset to PATH, a .parquet or .csv file; an older one is replaced."""
    from market_assets.warehouse.export import export as write
    from market_assets.warehouse.metering import charged_to
    from market_assets.watch.spending import refuse_when_spent

    settings = options.load(config)
    refuse_when_spent(settings, "Exporting")
    options.check_dataset(dataset)
    interval = interval if dataset == "ohlcv" else ""
    options.check_interval(interval)
    first = start or options.midnight(settings.venue(venue).start)
    timed = "timestamp" in DATASETS[dataset].column_names
    with charged_to(label="export"), options.warehouse(settings, read_only=True) as store:
        rows = write(
            store,
            path,
            venue,
            DATASETS[dataset],
            interval=interval,
            symbols=options.symbols(symbols, settings, venue) if symbols else (),
            window=options.window(first, end, interval) if timed else None,
        )
    click.echo(f"{rows} rows -> {path}")
    if not rows:
        click.echo("Nothing of this is stored: `market-assets status` shows what is.", err=True)


@click.command()
@click.option("--venue", required=True, help="The exchange, such as binance.")
@options.config
def instruments(venue: str, config: Path | None) -> None:
    """List what a venue trades, as of the last time it was asked."""
    settings = options.load(config)
    settings.venue(venue)
    with options.warehouse(settings, read_only=True) as store:
        table = store.read(venue, INSTRUMENTS)
    import pyarrow.compute as pc

    current = table.filter(pc.is_null(table.column("valid_to")))
    if not current.num_rows:
        click.echo(f"Not asked yet: market-assets ingest --venue {venue} --dataset instruments")
        return
    shown = ["symbol", "native_symbol", "status", "listed_at", "delisted_at", "tick_size",
             "lot_size", "contract_size", "funding_interval_hours"]  # fmt: skip
    options.show_rows(current.select(shown), current.num_rows)
