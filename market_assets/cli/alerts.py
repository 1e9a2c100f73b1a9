"""`market-assets alerts list | show | ack | test`: what fires, and who was told."""

from __future__ import annotations

import dataclasses
import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from market_assets.cli import options
from market_assets.cli.groups import Group

if TYPE_CHECKING:
    from market_assets.schemas.alerts import Alert, AlertDelivery
    from market_assets.settings import Settings

ID_SHOWN = 8
# How a message stands when not everybody may have it.
NOT_ARRIVED = ("held", "sending", "failed", "given_up", "unknown")

identity = click.argument("identity", metavar="ID")
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object in each line.")


@click.group(cls=Group)
def alerts() -> None:
    """Look at alerts, take them upon you, and try the channels.

    An ID is the beginning of an alert's id, at least 4 characters, as `list` shows it.
    """


@alerts.command("list")
@click.option("--all", "show_all", is_flag=True, help="Also what has been resolved.")
@click.option(
    "--limit", default=50, show_default=True, type=options.COUNT, help="Most alerts shown; 0: all."
)
@as_json
@options.config
def list_alerts(show_all: bool, limit: int, as_json: bool, config: Path | None) -> None:
    """List what fires, the newest change first, and messages that have not arrived."""
    with options.warehouse(options.load(config), read_only=True) as store:
        found = store.alerts(open_only=not show_all)
        messages = store.alert_book().deliveries
    shown = found[: limit or None]
    if as_json:
        for alert in shown:
            click.echo(json.dumps(dataclasses.asdict(alert), default=str))
        return
    _show_alerts(shown)
    if len(found) > len(shown):
        click.echo(f"The newest {limit}; --limit 0 shows all")
    _show_messages(
        "Messages that have not arrived, or may not have",
        [message for message in messages if message.outcome in NOT_ARRIVED],
    )


def _show_alerts(found: list[Alert]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not found:
        click.echo("No alerts.")
        return
    view = Table("id", "severity", "state", "since (UTC)", "changed (UTC)", "what")
    for alert in found:
        view.add_row(
            alert.alert_id[:ID_SHOWN],
            alert.severity,
            alert.state,
            _moment(alert.began_at),
            _moment(alert.changed_at),
            Text(alert.title),
        )
    options.console().print(view, markup=False)


def _show_messages(title: str, messages: list[AlertDelivery]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not messages:
        return
    view = Table("alert", "channel", "kind", "outcome", "attempts", "when (UTC)", "why")
    for message in messages:
        view.add_row(
            message.alert_id[:ID_SHOWN],
            message.channel,
            message.kind,
            message.outcome,
            str(message.attempt),
            _moment(message.changed_at),
            Text(message.error),
        )
    click.echo(title)
    options.console().print(view, markup=False)


@alerts.command()
@identity
@as_json
@options.config
def show(identity: str, as_json: bool, config: Path | None) -> None:
    """Show all that is known of one alert: members, changes, messages."""
    from rich.table import Table
    from rich.text import Text

    with options.warehouse(options.load(config), read_only=True) as store:
        alert = store.alert_named(identity)
        changes, messages = store.alert_history(alert.alert_id)
    if as_json:
        told = {
            "alert": dataclasses.asdict(alert),
            "changes": [dataclasses.asdict(change) for change in changes],
            "messages": [dataclasses.asdict(message) for message in messages],
        }
        click.echo(json.dumps(told, default=str))
        return
    facts = Table(show_header=False)
    for name in ("alert_id", "key", "severity", "state", "title", "began_at", "changed_at"):
        facts.add_row(name, Text(str(getattr(alert, name))))
    for member in alert.members:
        facts.add_row(
            "member", Text(f"{member.name}: {member.text}" if member.name else member.text)
        )
    options.console().print(facts, markup=False)
    history = Table("when (UTC)", "change", "severity", "by", "because")
    for change in changes:
        by, because = Text(change.changed_by), Text(change.because)
        history.add_row(_moment(change.changed_at), change.change, change.severity, by, because)
    options.console().print(history, markup=False)
    _show_messages("Messages", messages)


@alerts.command()
@identity
@click.option("--because", default="", metavar="TEXT", help="What you know of it: it is kept.")
@click.option("--by", metavar="NAME", help="Who takes it (default: your login).")
@options.config
def ack(identity: str, because: str, by: str | None, config: Path | None) -> None:
    """Take an alert upon you: no reminder, no escalation; its end is still told."""
    from market_assets.alerts.acknowledging import acknowledge

    with options.existing_warehouse(options.load(config)) as store:
        alert, changed = acknowledge(
            store, identity, by=by or _login(), because=because, now=datetime.now(UTC)
        )
        history, _ = store.alert_history(alert.alert_id)
    if changed:
        click.echo(f"{alert.alert_id[:ID_SHOWN]} acknowledged: {alert.title}")
        return
    [*_, taken] = [change for change in history if change.change == "acknowledged"]
    click.echo(
        f"{alert.alert_id[:ID_SHOWN]} was acknowledged before by {taken.changed_by}: nothing to do"
    )


@alerts.command()
@click.option("--channel", "names", multiple=True, help="Only this one; may be repeated.")
@options.config
def test(names: tuple[str, ...], config: Path | None) -> None:
    """Send a test message to each channel, for real, and say what each answered."""
    from market_assets.alerts.trying import chosen_channels, try_channel
    from market_assets.settings import load_secrets

    settings = options.load(config)
    answers = []
    for channel in chosen_channels(settings, names):
        answer = try_channel(settings, load_secrets(), channel, datetime.now(UTC))
        said = f"failed: {answer.error}" if answer.error else "sent"
        click.echo(f"{channel}: {said} ({answer.seconds:.1f} s)")
        answers.append(answer)
    _keep(settings, [answer.message for answer in answers])
    if any(answer.error for answer in answers):
        sys.exit(2)


def _keep(settings: Settings, messages: list[AlertDelivery]) -> None:
    """A channel that answers is well again for the watch too. Without a store there is no watch."""
    from market_assets.errors import MarketAssetsError
    from market_assets.warehouse.opening import is_there

    if not is_there(settings):
        return
    try:
        with options.warehouse(settings) as store:
            store.record_alerts((), messages)
    except MarketAssetsError as error:
        click.echo(f"The answers could not be kept for the watch: {error}", err=True)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        return "somebody"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
