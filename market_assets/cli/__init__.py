"""`market-assets ...`: a view on the rooms below, without logic of its own.

Exit codes: 0 complete; 2 the request or the settings make no sense; 3 intervals are missing (all
named, all else stored); 4 the venue can't be reached or wants a pause: run again; 5 the venue
refuses; 6 the warehouse or a folder can't be used; 7 a process of `demo` or `up` failed; 8 the
marts could not be built; 9 the day's budget is used up; 130 interrupted.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from market_assets import __version__
from market_assets.cli.groups import Group
from market_assets.errors import EXIT_INTERRUPTED, MarketAssetsError
from market_assets.process_end import leave_memory_to_the_system

# Command -> the module that has it. Each is imported only when it is called: `--help` is instant.
_COMMANDS = {
    "ingest": "market_assets.cli.ingest",
    "import-executions": "market_assets.cli.executions",
    "status": "market_assets.cli.inspect",
    "query": "market_assets.cli.inspect",
    "export": "market_assets.cli.inspect",
    "instruments": "market_assets.cli.inspect",
    "as-of": "market_assets.cli.as_of",
    "quarantine": "market_assets.cli.quarantine",
    "repair": "market_assets.cli.repair",
    "build": "market_assets.cli.marts",
    "docs": "market_assets.cli.marts",
    "report": "market_assets.cli.report",
    "alerts": "market_assets.cli.alerts",
    "costs": "market_assets.cli.costs",
    "doctor": "market_assets.cli.operate",
    "simulate": "market_assets.cli.operate",
    "maintain": "market_assets.cli.operate",
    "backup": "market_assets.cli.operate",
    "restore": "market_assets.cli.operate",
    "migrate": "market_assets.cli.migrate",
    "demo": "market_assets.cli.stack",
    "up": "market_assets.cli.stack",
}


class _Commands(Group):
    """A group that imports a command's module only when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="market-assets")
def cli() -> None:
    """Download crypto market data that is complete, or says what is missing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; turn our errors to one message and an exit code that scripts can trust."""
    leave_memory_to_the_system()
    try:
        cli.main(arguments, prog_name="market-assets", standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. What is stored stays; the same command goes on from there.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except MarketAssetsError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except (OSError, sqlite3.Error) as error:
        from market_assets.settings.folders import unusable

        found = unusable(error, "Running the command", Path.cwd())
        if found is None:
            raise
        click.secho(str(found), fg="red", err=True)
        sys.exit(found.exit_code)
