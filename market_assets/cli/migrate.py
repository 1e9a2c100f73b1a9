"""`market-assets migrate`: the raw and ops tables of one engine, copied to the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from market_assets.cli import options

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.migrating import Migration, Outcome, Part

Engine = Literal["bigquery", "ducklake"]
_OTHER: dict[Engine, Engine] = {"bigquery": "ducklake", "ducklake": "bigquery"}
AFTERWARDS = (
    "The marts are not copied: set warehouse.engine to {engine}, then `market-assets build` makes"
    " them from what is there now."
)


@click.command()
@click.option(
    "--to", "engine", type=click.Choice(list(_OTHER)), required=True,
    help="Where to; from is the other engine of the same settings.",
)  # fmt: skip
@click.option("--table", "only", multiple=True, help="Only this table: raw.binance_ohlcv.")
@click.option("--dry-run", is_flag=True, help="Count both sides and say what would be copied.")
@click.option(
    "--replace",
    is_flag=True,
    help="Where the target holds other rows, make its tables the same as the source's.",
)
@options.config
def migrate(
    engine: Engine, only: Sequence[str], dry_run: bool, replace: bool, config: Path | None
) -> None:
    """Copy the raw and ops tables to the other engine, exactly, month by month.

    Every part is read back and its checksum compared. Stopped, the same command goes on where it
    was. Stop what writes to either store before: a source that changes is copied again.
    """
    settings = options.load(config)
    copy(settings, engine, only=only, dry_run=dry_run, replace=replace)


def copy(
    settings: Settings,
    engine: Engine,
    *,
    only: Sequence[str] = (),
    dry_run: bool = False,
    replace: bool = False,
) -> None:
    """The command, with its settings at hand."""
    from market_assets.errors import CopyDiffers, NothingStored
    from market_assets.warehouse.migrating import Migration
    from market_assets.warehouse.migration_memory import Memory
    from market_assets.warehouse.opening import is_there, open_warehouse, place_of, with_engine

    here, there = with_engine(settings, _OTHER[engine]), with_engine(settings, engine)
    if not is_there(here):
        raise NothingStored(
            f"Migrating to {engine}",
            f"there is nothing to copy in {place_of(here)}",
            "Set warehouse.path, or bigquery.project and bigquery.dataset_prefix, to the source.",
        )
    memory = Memory(settings.state_dir, place_of(here), place_of(there))
    click.echo(f"From {place_of(here)}\nto   {place_of(there)}")
    with open_warehouse(here, read_only=dry_run) as source:
        if dry_run and not is_there(there):
            migration = Migration(source, source, memory, only)
            _show_plan(migration, migration.plan(target_is_there=False))
            return
        with open_warehouse(there, read_only=dry_run) as target:
            migration = Migration(source, target, memory, only, replace)
            if dry_run:
                _show_plan(migration, migration.plan())
                return
            before = source.version()
            outcomes = _followed(migration.run())
            written_meanwhile = source.version() != before
    _show(outcomes)
    if written_meanwhile:
        raise CopyDiffers(
            f"Migrating to {engine}",
            "the source was written to meanwhile, so that the copy may lack its last rows",
            "Stop what writes to it and run the same command once more: it copies what differs.",
        )
    click.echo(AFTERWARDS.format(engine=engine))


def _followed(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """All of them; a line for each part that was copied, for it may take hours."""
    done = []
    for outcome in outcomes:
        if outcome.fate == "copied":
            click.echo(f"  {outcome.part.name}: {outcome.part.source_rows} rows", err=True)
        done.append(outcome)
    return done


def _show_plan(migration: Migration, parts: Sequence[Part]) -> None:
    from market_assets.warehouse.migrating import Outcome

    _show([Outcome(part, migration.foreseen(part)) for part in parts])


def _show(outcomes: Sequence[Outcome]) -> None:
    """A line for each table and month: the parts of a month add up."""
    from rich.table import Table

    from market_assets.warehouse.checksum import Checksum

    view = Table("table", "month")
    for name in ("source rows", "target rows", "source checksum", "target checksum", ""):
        view.add_column(name, justify="right" if "rows" in name else "left")
    rows = copied = 0
    for (table, month), group in groupby(outcomes, _month_of):
        of_month = list(group)
        sides = [
            [one for outcome in of_month if (one := getattr(outcome, side)) is not None]
            for side in ("source", "target")
        ]
        # As read, where they were: a source that is written to has more by then.
        counts = [
            sum(o.source.rows if o.source else o.part.source_rows for o in of_month),
            sum(o.target.rows if o.target else o.part.target_rows for o in of_month),
        ]
        sums = [str(sum(side, Checksum())).partition(":")[2] if side else "" for side in sides]
        fates = ", ".join(dict.fromkeys(o.fate for o in of_month))
        view.add_row(table, month, *map(str, counts), *sums, fates)
        rows += counts[0]
        copied += sum(o.source.rows for o in of_month if o.source and o.fate == "copied")
    options.console().print(view)
    click.echo(f"{rows} rows in the source, {copied} of them copied now")


def _month_of(outcome: Outcome) -> tuple[str, str]:
    table = outcome.part.table
    return f"{table.schema}.{table.name}", outcome.part.label[:7]
