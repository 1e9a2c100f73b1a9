"""`market-assets build | docs`: the marts without Dagster."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from market_assets.cli import options


@click.command()
@click.option("--from", "first", type=options.MOMENT, help="First day (default: all history).")
@click.option("--to", "last", type=options.MOMENT, help="Last day, included (default: today).")
@click.option("--select", multiple=True, help="Marts to build, as dbt selects them.")
@click.option("--full-refresh", is_flag=True, help="Make the tables anew, for changed columns.")
@click.option("--no-tests", is_flag=True, help="Build without dbt's tests.")
@options.config
def build(
    first: datetime | None,
    last: datetime | None,
    select: tuple[str, ...],
    full_refresh: bool,
    no_tests: bool,
    config: Path | None,
) -> None:
    """Build the marts with dbt, by days or whole, and test them."""
    from market_assets.errors import RequestInvalid
    from market_assets.marts.build import build as build_marts
    from market_assets.watch.spending import refuse_when_spent

    if first and last and last < first:
        raise RequestInvalid(
            "Reading the request",
            f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}",
            "Name the first and the last day, both are built",
        )
    if full_refresh and (first or last):
        raise RequestInvalid(
            "Reading the request",
            "--full-refresh makes tables of these days only, and loses the others",
            "Leave out --from and --to",
        )
    settings = options.load(config)
    refuse_when_spent(settings, "Building the marts")
    build_marts(
        settings,
        first=first.date() if first else None,
        last=last.date() if last else None,
        select=select,
        full_refresh=full_refresh,
        tests=not no_tests,
        told=click.echo,
    )


@click.command()
@options.config
def docs(config: Path | None) -> None:
    """Make dbt's documentation as one page: every mart, column and what it is made from."""
    from market_assets.marts.build import build_docs
    from market_assets.marts.project import Project
    from market_assets.watch.spending import refuse_when_spent

    settings = options.load(config)
    refuse_when_spent(settings, "Making dbt's docs")
    build_docs(settings)
    click.echo(Project(settings).docs)
