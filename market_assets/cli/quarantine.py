"""`market-assets quarantine list | show | release | drop | revalidate`: rows that broke rules."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market_assets.cli import options
from market_assets.cli.groups import Group
from market_assets.schemas.timeline import to_datetime

if TYPE_CHECKING:
    from market_assets.quality.quarantine import Decided
    from market_assets.warehouse.contract import QuarantineEntry

# Enough of an id to name one of billions of rows, and short enough for a table.
ID_SHOWN = 12
STATUSES = ("held", "released", "dropped", "all")

because = click.option("--because", required=True, metavar="TEXT", help="Why: it is kept.")
ids = click.argument("ids", nargs=-1, required=True, metavar="ID...")


@click.group(cls=Group)
def quarantine() -> None:
    """Look at rows that broke rules, and decide on them.

    An ID is the beginning of a row's id, at least 4 characters, as `list` shows it.
    """


@quarantine.command("list")
@click.option("--venue", help="Only this venue.")
@click.option("--dataset", help="Only this dataset.")
@click.option("--symbol", help="Only this symbol.")
@click.option("--reason", help="Only rows that break this rule: high_too_low, malformed, ...")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    default="held",
    show_default=True,
    help="Only rows that stand so.",
)
@click.option("--from", "start", type=options.MOMENT, help="First moment, inclusive (UTC).")
@click.option("--to", "end", type=options.MOMENT, help="End, exclusive (UTC; default: now).")
@click.option(
    "--limit", default=50, show_default=True, type=options.COUNT, help="Most rows shown; 0: all."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    help="How the rows are printed.",
)
@options.config
def list_entries(
    venue: str | None,
    dataset: str | None,
    symbol: str | None,
    reason: str | None,
    status: str,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    style: str,
    config: Path | None,
) -> None:
    """List rows of the quarantine, the newest first."""
    window = options.window(start or to_datetime(0), end, "") if start or end else None
    settings = options.load(config)
    options.check_filters(settings, venue, dataset)
    with options.warehouse(settings, read_only=True) as store:
        # One more than is shown tells whether there are more.
        entries = store.quarantined(
            venue=venue or "",
            dataset=dataset or "",
            symbol=(symbol or "").upper(),
            reason=reason or "",
            status="" if status == "all" else status,
            window=window,
            limit=limit + 1 if limit else None,
        )
    shown = entries[: limit or None]
    if style == "json":
        for entry in shown:
            click.echo(json.dumps(dataclasses.asdict(entry), default=str))
        return
    _show_table(shown)
    if len(entries) > len(shown):
        click.echo(f"The newest {limit}; --limit 0 shows all")


def _show_table(entries: list[QuarantineEntry]) -> None:
    from rich.table import Table

    if not entries:
        click.echo("No such rows.")
        return
    view = Table("id", "venue", "dataset", "symbol", "time (UTC)", "reasons", "status", "because")
    for entry in entries:
        view.add_row(
            entry.quarantine_id[:ID_SHOWN],
            entry.venue,
            f"{entry.dataset} {entry.interval}".rstrip(),
            entry.symbol,
            "" if entry.timestamp is None else f"{entry.timestamp:%Y-%m-%d %H:%M:%S}",
            "\n".join(entry.reasons),
            entry.status,
            entry.decided_because or "",
        )
    options.console().print(view, markup=False)


@quarantine.command()
@click.argument("identity", metavar="ID")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    help="How the rows are printed.",
)
@options.config
def show(identity: str, style: str, config: Path | None) -> None:
    """Show all that is known about one row, its payload too."""
    from rich.table import Table

    with options.warehouse(options.load(config), read_only=True) as store:
        [entry] = store.quarantine_entries([identity])
    facts: dict[str, Any] = dataclasses.asdict(entry) | {"reasons": ", ".join(entry.reasons)}
    if style == "json":
        click.echo(json.dumps(dataclasses.asdict(entry), default=str))
        return
    view = Table(show_header=False)
    for name, value in facts.items():
        view.add_row(name, "" if value is None else _readable(name, value))
    options.console().print(view, markup=False)


def _readable(name: str, value: Any) -> str:
    if name != "payload":
        return str(value)
    try:
        return json.dumps(json.loads(value), indent=2)
    except ValueError:
        return str(value)


@quarantine.command()
@ids
@because
@options.config
def release(ids: tuple[str, ...], because: str, config: Path | None) -> None:
    """Store rows because they are right, whatever the rules say."""
    from market_assets.quality.quarantine import release as run

    with options.existing_warehouse(options.load(config)) as store:
        done = run(store, ids, because)
    _tell(done, "released")
    if done.changed:
        click.echo(
            f"{done.inserted} stored, {done.corrected} corrected, {done.unchanged} unchanged"
        )


@quarantine.command()
@ids
@because
@options.config
def drop(ids: tuple[str, ...], because: str, config: Path | None) -> None:
    """Decide that rows are garbage; what is absent stays what it is."""
    from market_assets.quality.quarantine import drop as run

    with options.existing_warehouse(options.load(config)) as store:
        done = run(store, ids, because)
    _tell(done, "dropped")


def _tell(done: Decided, how: str) -> None:
    for identity in done.changed:
        click.echo(f"{identity[:ID_SHOWN]} {how}")
    for identity in done.already:
        click.echo(f"{identity[:ID_SHOWN]} was {how} before: nothing to do")


@quarantine.command()
@click.option("--venue", help="Only this venue.")
@click.option("--dataset", help="Only this dataset.")
@click.option("--dry-run", is_flag=True, help="Only count what would be released.")
@options.config
def revalidate(venue: str | None, dataset: str | None, dry_run: bool, config: Path | None) -> None:
    """Judge held rows by the rules of today; store those that pass."""
    from market_assets.quality.quarantine import revalidate as run

    settings = options.load(config)
    options.check_filters(settings, venue, dataset)
    with options.existing_warehouse(settings, read_only=dry_run) as store:
        found = run(store, venue=venue or "", dataset=dataset or "", dry_run=dry_run)
    passing = sum(found.passing.values())
    click.echo(
        f"{found.held} rows held: {passing} pass the rules of today, "
        + ("nothing was changed" if dry_run else f"{found.released} released")
    )
    for table, count in found.passing.items():
        click.echo(f"  {table}: {count}")
    for reason, count in found.kept.items():
        click.echo(f"  kept by {reason}: {count}")
