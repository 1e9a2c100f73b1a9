"""`market-assets import-executions`: files of a strategy's fills, and what became of their rows."""

from __future__ import annotations

from pathlib import Path

import click

from market_assets.cli import options
from market_assets.ingest.executions import ImportSummary, default_folder
from market_assets.ingest.executions import import_executions as run_import


@click.command("import-executions")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="All files of this folder (default: `executions` in the state folder).",
)
@options.config
def import_executions(files: tuple[Path, ...], folder: Path | None, config: Path | None) -> None:
    """Bring fills (CSV, JSON lines or Parquet) into the warehouse. Again is as good as once."""
    settings = options.load(config)
    paths = [*files, *([folder] if folder else [])] or [default_folder(settings)]
    with options.warehouse(settings) as store:
        summary = run_import(paths, settings, store)
    show(summary)


def show(summary: ImportSummary) -> None:
    """What was done, in a few lines."""
    click.echo(
        f"{len(summary.files)} files, {summary.rows} rows: {summary.inserted} stored,"
        f" {summary.corrected} corrected, {summary.unchanged} unchanged,"
        f" {summary.quarantined} quarantined"
    )
    for venue, done in summary.by_venue.items():
        click.echo(
            f"  {venue}: {done.inserted} stored, {done.corrected} corrected,"
            f" {done.unchanged} unchanged"
        )
    if summary.quarantine_reasons:
        reasons = ", ".join(f"{n} {reason}" for reason, n in summary.quarantine_reasons.items())
        click.echo(f"Quarantined: {reasons} (raw.quarantine)")
