"""`market-assets ingest`: one job with a progress bar and a summary that names what is absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from market_assets.cli import options
from market_assets.ingest.archive import check_archived, ingest_archive
from market_assets.ingest.job import Job, Summary
from market_assets.ingest.run import Progress, check
from market_assets.ingest.run import ingest as run_ingest
from market_assets.schemas.timeline import to_text
from market_assets.settings.section import VENUE_NAMES
from market_assets.venues._gate import Wait
from market_assets.watch.spending import refuse_when_spent

NAMED = 40


@click.command()
@click.option("--venue", required=True, help=f"One of {', '.join(VENUE_NAMES)}.")
@click.option("--dataset", default="ohlcv", show_default=True, help="What to work on.")
@click.option("--symbols", help="Comma list (default: the venue's symbols in the settings).")
@click.option("--interval", default="1h", show_default=True, help="Candle length, for ohlcv.")
@click.option("--from", "start", type=options.MOMENT, help="First moment, inclusive (UTC).")
@click.option("--to", "end", type=options.MOMENT, help="End, exclusive (UTC; default: now).")
@click.option("--refresh", is_flag=True, help="Ask again for what is complete: late corrections.")
@click.option(
    "--source",
    type=click.Choice(["rest", "archive"]),
    default="rest",
    show_default=True,
    help="Where from: the API, or the venue's bulk archive (binance, aster; no API weight).",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@options.config
def ingest(
    venue: str,
    dataset: str,
    symbols: str | None,
    interval: str,
    start: datetime | None,
    end: datetime | None,
    refresh: bool,
    source: str,
    quiet: bool,
    config: Path | None,
) -> None:
    """Bring [from, to) of a dataset into the warehouse. Run it again to go on where it stopped."""
    settings = options.load(config)
    interval = interval if dataset == "ohlcv" else ""
    start = start or options.midnight(settings.venue(venue).start)
    job = Job(
        venue,
        dataset,
        options.symbols(symbols, settings, venue),
        options.window(start, end, interval),
        interval,
        refresh,
    )
    # What makes no sense is told before a warehouse is made.
    archived = source == "archive"
    if archived:
        check_archived(job, settings)
        refuse_when_spent(settings, "Reading the archive")
    else:
        check(job)
    with options.warehouse(settings) as store, _progress(quiet) as progress:
        summary = (ingest_archive if archived else run_ingest)(job, settings, store, progress)
    if archived:
        came = summary.inserted + summary.corrected + summary.unchanged
        click.echo(f"{came} rows came from the archive, {summary.corrected} of them corrections")
    show(summary)
    summary.raise_if_incomplete()


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Progress()
        return
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("planning", total=None)

        def on_done(symbol: str, points: int) -> None:
            bar.update(task, advance=points, description=symbol)

        def on_wait(wait: Wait) -> None:
            bar.update(
                task, description=f"waiting {wait.seconds:.0f} s: {wait.reason} {wait.detail}"
            )

        yield Progress(lambda total: bar.update(task, total=total), on_done, on_wait)


def show(summary: Summary) -> None:
    """What was done, in a few lines."""
    job = summary.job
    what = f"{job.venue} {job.dataset} {job.interval}".strip()
    when = f" {summary.due}" if summary.due else ""
    symbols = "1 symbol" if len(job.symbols) == 1 else f"{len(job.symbols)} symbols"
    click.echo(
        f"{what}{when}, {symbols}: {summary.inserted} rows stored,"
        f" {summary.corrected} corrected, {summary.unchanged} unchanged,"
        f" {summary.already_complete} points complete before,"
        f" {summary.quarantined} rows quarantined"
    )
    click.echo(
        f"{summary.requests} requests ({summary.failed_requests} failed), weight {summary.weight},"
        f" p95 {summary.latency_ms(95):.0f} ms, {summary.seconds:.1f} s;"
        f" completeness {summary.completeness_percent():.2f} %"
    )
    if summary.due and job.window.end > summary.due.end:
        click.echo(f"Not closed yet, and so not stored: from {to_text(summary.due.end)} on")
    if summary.quarantine_reasons:
        reasons = ", ".join(f"{n} {reason}" for reason, n in summary.quarantine_reasons.items())
        click.echo(f"Quarantined: {reasons} (raw.quarantine)")
    settled = [item for item in summary.absent if item.gap.reason != "missing"]
    if settled:
        counts = {k: n for k, n in summary.gaps_by_reason().items() if k != "missing"}
        click.echo("Absent for a reason: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
        for item in settled[:NAMED]:
            click.echo(f"  {item}")
        if len(settled) > NAMED:
            click.echo(f"  ... and {len(settled) - NAMED} more in ops.gaps")
