"""`market-assets demo | up`: Dagster with everything it needs, from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from market_assets.cli import options


def _port(function: Any) -> Any:
    return click.option(
        "--port",
        type=click.IntRange(0, 65_535),
        default=3000,
        show_default=True,
        help="Port of the UI on 127.0.0.1; the next free one if it is taken.",
    )(function)


@click.command()
@_port
@click.option("--once", is_flag=True, help="Stop when the data is there and the summary printed.")
@options.config
def demo(port: int, once: bool, config: Path | None) -> None:
    """Start simulated venues and Dagster, with the last 3 days of every asset materialised."""
    from market_assets.stack import commands

    commands.demo(options.load(config), port=port, once=once)


@click.command()
@_port
@options.config
def up(port: int, config: Path | None) -> None:
    """Start Dagster on the live venues of platform.yaml."""
    from market_assets.stack import commands

    commands.up(options.load(config), port=port)
