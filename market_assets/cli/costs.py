"""`market-assets costs`: what today and the month cost, and letting a day go on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market_assets.cli import options

if TYPE_CHECKING:
    from market_assets.health.observed import Spend
    from market_assets.watch.budget import Tally
    from market_assets.watch.storage_cost import StorageCost


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option(
    "--limit", default=15, show_default=True, type=options.COUNT, help="Assets shown; 0: all."
)
@options.config
@click.pass_context
def costs(context: click.Context, as_json: bool, limit: int, config: Path | None) -> None:
    """Show what queries and storage cost: today, this month, and what the month comes to.

    In the embedded warehouse these are estimates of what BigQuery would bill (docs/costs.md).
    """
    if context.invoked_subcommand is not None:
        return
    from market_assets.watch.spending import spent_and_tallied
    from market_assets.watch.storage_cost import storage_cost

    settings = options.load(config)
    now = datetime.now(UTC)
    with options.existing_warehouse(settings, read_only=True) as store:
        spend, found = spent_and_tallied(settings, store, now)
        kept = storage_cost(settings, store)
    if as_json:
        click.echo(json.dumps(_told(spend, found, kept), indent=2))
    else:
        _show(spend, found, kept, limit)


@costs.command()
@click.option("--because", default="", help="Why, for those who look later.")
@options.config
def release(because: str, config: Path | None) -> None:
    """Let today go on although its budget is used up. The next UTC day has its own."""
    settings = options.load(config)
    today = datetime.now(UTC).date()
    with options.existing_warehouse(settings) as store:
        done = store.release_budget(today, because)
        said = store.released(today)
    state = "is released" if done else "was released before"
    click.echo(f"{today} {state}{f': {said}' if said else ''}")


def _told(spend: Spend, found: Tally, kept: StorageCost) -> dict[str, Any]:
    return {
        "day": spend.day.isoformat(),
        "today_dollars": spend.today_dollars,
        "budget_dollars": spend.budget_dollars,
        "is_released": spend.is_released,
        "month_dollars": found.total.month,
        "projected_month_dollars": found.total.projected,
        "storage_bytes": kept.bytes,
        "storage_dollars_per_month": kept.dollars_per_month,
        "assets": [
            {
                "asset": one.asset,
                "today_dollars": one.sum.today,
                "month_dollars": one.sum.month,
                "projected_month_dollars": one.sum.projected,
                "statements_today": one.sum.statements_today,
                "bytes_billed_today": one.sum.bytes_billed_today,
            }
            for one in found.assets
        ],
        "today": [
            {"label": line.label, "asset": line.asset, "dollars": line.dollars}
            for line in spend.lines
        ],
    }


def _show(spend: Spend, found: Tally, kept: StorageCost, limit: int) -> None:
    from rich.table import Table
    from rich.text import Text

    released = " (released)" if spend.is_released else ""
    click.echo(
        f"Today     ${spend.today_dollars:.4f} of ${spend.budget_dollars:.2f}{released},"
        f" {found.total.statements_today:,} statements,"
        f" {found.total.bytes_billed_today / 1e9:,.2f} GB billed"
    )
    click.echo(
        f"Month     ${found.total.month:.4f}, at this pace ${found.total.projected:.2f} by its end"
    )
    click.echo(f"Storage   ${kept.dollars_per_month:.4f} a month for {kept.bytes / 1e6:,.1f} MB")
    view = Table()
    for name in ("asset", "statements today", "GB today", "today $", "month $", "projected $"):
        view.add_column(name, justify="left" if name == "asset" else "right")
    for one in found.assets[: limit or None]:
        view.add_row(
            Text(one.asset or "(none)"),
            f"{one.sum.statements_today:,}",
            f"{one.sum.bytes_billed_today / 1e9:,.2f}",
            f"{one.sum.today:.4f}",
            f"{one.sum.month:.4f}",
            f"{one.sum.projected:.2f}",
        )
    options.console().print(view)
    if limit and len(found.assets) > limit:
        click.echo(f"{limit} of {len(found.assets)} assets; --limit 0 shows all")
