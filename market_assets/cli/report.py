"""`market-assets report`: the daily quality report without Dagster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from market_assets.cli import options


@click.command()
@click.option("--day", type=options.MOMENT, help="The UTC day (default: yesterday).")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder (default: the one that is served beside dbt's docs).",
)
@options.config
def report(day: datetime | None, out: Path | None, config: Path | None) -> None:
    """Write a day's quality report as a page and as JSON: coverage, checks, corrections, scores."""
    from market_assets.errors import RequestInvalid
    from market_assets.quality.report.gathering import gather
    from market_assets.quality.report.page import points
    from market_assets.quality.report.writing import report_folder, write
    from market_assets.warehouse.metering import charged_to
    from market_assets.watch.spending import refuse_when_spent

    settings = options.load(config)
    today = datetime.now(UTC).date()
    wanted = day.date() if day else today - timedelta(days=1)
    if wanted > today:
        raise RequestInvalid(
            "Reading the request",
            f"--day {wanted} has not begun",
            f"Name a day up to {today} (UTC)",
        )
    refuse_when_spent(settings, "Writing the quality report")
    with charged_to(label="report"), options.warehouse(settings, read_only=True) as store:
        found = gather(settings, store, wanted)
    files = write(found, out or report_folder(settings))
    failing, judged = len(found.failing), len(found.checks)
    click.echo(f"Score {points(found.score)} of 100, {failing} of {judged} checks fail")
    click.echo(files.html)
    click.echo(files.json)
