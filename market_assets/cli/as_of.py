"""`market-assets as-of`: what a table looked like at some time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from market_assets.cli import options
from market_assets.schemas.datasets import DATASETS


@click.command("as-of")
@click.argument("moment", type=options.MOMENT)
@click.option("--venue", required=True, help="The exchange, such as binance.")
@click.option("--dataset", default="ohlcv", show_default=True, help="What to work on.")
@click.option("--symbols", help="Comma list (default: all that are stored).")
@click.option("--interval", default="1h", show_default=True, help="Candle length, for ohlcv.")
@click.option("--from", "start", type=options.MOMENT, help="First row's time, inclusive (UTC).")
@click.option("--to", "end", type=options.MOMENT, help="End, exclusive (UTC; default: now).")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this .parquet or .csv file.",
)
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=options.COUNT,
    help="Rows shown as a table; 0: all.",
)
@click.option(
    "--from-snapshot",
    is_flag=True,
    help="By the store's own snapshot (kept for warehouse.snapshot_days), not by corrections.",
)
@options.config
def as_of(
    moment: datetime,
    venue: str,
    dataset: str,
    symbols: str | None,
    interval: str,
    start: datetime | None,
    end: datetime | None,
    out: Path | None,
    limit: int,
    from_snapshot: bool,
    config: Path | None,
) -> None:
    """Show or write what a table said at MOMENT (UTC): before later corrections and rows."""
    from market_assets.warehouse.export import format_of, write

    settings = options.load(config)
    options.check_dataset(dataset)
    if out is not None:
        format_of(out)
    interval = interval if dataset == "ohlcv" else ""
    options.check_interval(interval)
    first = start or options.midnight(settings.venue(venue).start)
    with options.warehouse(settings, read_only=True) as store:
        read = store.read_snapshot if from_snapshot else store.read_as_of
        table = read(
            venue,
            DATASETS[dataset],
            moment,
            interval=interval,
            symbols=options.symbols(symbols, settings, venue) if symbols else (),
            window=options.window(first, end, interval),
        )
    if not table.num_rows:
        click.echo(f"Nothing of this was stored by {moment:%Y-%m-%d %H:%M} UTC.", err=True)
    if out is None:
        options.show_rows(table, limit or table.num_rows)
        return
    click.echo(f"{write(table, out)} rows -> {out}")
