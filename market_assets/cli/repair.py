"""`market-assets repair`: ask again for what is missing, as the platform does by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from market_assets.cli import options
from market_assets.errors import IntervalsMissing
from market_assets.ingest.job import NAMED_IN_MESSAGE
from market_assets.schemas.timeline import to_text

if TYPE_CHECKING:
    from market_assets.quality.repair_plan import Repair, RepairPlan
    from market_assets.warehouse.contract import MissingSpan


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would be asked for, and ask nobody.")
@options.config
def repair(dry_run: bool, config: Path | None) -> None:
    """Bring missing intervals: from the API, then from the venue's archive.

    The limits are those of quality.repair in the settings; each attempt is recorded in ops.repairs.
    """
    from market_assets.quality.repair import look, run_repair
    from market_assets.quality.repair_plan import started

    settings = options.load(config)
    now = datetime.now(UTC)
    left: list[str] = []
    with options.existing_warehouse(settings, read_only=dry_run) as store:
        plan = look(settings, store, now)
        _show(plan)
        if dry_run:
            return
        store.record_repairs(plan.given_up)
        for one in plan.repairs:
            store.record_repairs(started(one, now))
            summaries = run_repair(one, settings, store)
            missing = [item for summary in summaries for item in summary.missing]
            inserted = sum(summary.inserted for summary in summaries)
            click.echo(f"{_named(one)}: {inserted} rows brought, {len(missing)} intervals missing")
            for summary in summaries:
                if summary.stopped_by is not None:
                    click.echo(str(summary.stopped_by), err=True)
            left += [str(item) for item in missing]
    left += [f"{_span(attempt.span)} (given up)" for attempt in plan.given_up]
    if left:
        raise IntervalsMissing(
            "Repairing what is missing",
            f"{len(left)} intervals are still missing: " + "; ".join(left[:NAMED_IN_MESSAGE]),
            "What was found is stored; the rest is tried again later, see ops.repairs",
            intervals=left,
        )


def _show(plan: RepairPlan) -> None:
    if not plan.repairs and not plan.given_up:
        click.echo("Nothing is to be repaired now.")
    for one in plan.repairs:
        click.echo(f"{_named(one)}: {len(one.spans)} intervals, attempt {one.attempt}")
    for attempt in plan.given_up:
        click.echo(f"Given up: {_span(attempt.span)}: {attempt.detail}")
    for venue in plan.out_of_budget:
        click.echo(f"{venue} has used up its repair runs of the day; the rest waits")
    if plan.next_look is not None:
        click.echo(f"Next attempt at {plan.next_look:%Y-%m-%d %H:%M} UTC")


def _span(span: MissingSpan) -> str:
    what = " ".join(filter(None, (span.venue, span.dataset, span.interval, span.symbol)))
    return f"{what} {to_text(span.window.start)} .. {to_text(span.window.end)}"


def _named(one: Repair) -> str:
    window = f"{to_text(one.window.start)} .. {to_text(one.window.end)}"
    return f"{one.venue} {one.dataset} {window}"
