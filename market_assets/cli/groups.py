"""How commands that have commands below them show these."""

from __future__ import annotations

import click


class Group(click.Group):
    """A group whose help tells its commands in whole sentences: click cuts each at a line's end."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(200)) for name, command in commands if command]
            )
