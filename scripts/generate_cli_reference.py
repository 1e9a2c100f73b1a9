"""Write docs/reference/cli.md from the commands; `--check` only says whether it is stale."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click
from reference_page import publish, table

import market_assets.cli
from market_assets.cli import cli

HEAD = """# Commands

<!-- Made by `make docs-reference` from market_assets/cli. Do not edit. -->

`market-assets <command> --help` says the same. In a clone it is `.venv/bin/market-assets`.
"""


def render() -> str:
    return HEAD + _exit_codes() + "".join(_sections(cli, ()))


def _exit_codes() -> str:
    """The package's docstring is where they are written down."""
    said = inspect.getdoc(market_assets.cli) or ""
    codes = " ".join(said.split("Exit codes:")[1].split()).rstrip(".")
    rows = [entry.strip().split(" ", 1) for entry in codes.split(";")]
    return "\n## Exit codes\n\n" + table(("code", "means"), rows)


def _sections(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(("market-assets", *path)))
    if path:
        yield _section(command, context, path)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _sections(below, (*path, name))


def _section(command: click.Command, context: click.Context, path: tuple[str, ...]) -> str:
    usage = command.get_usage(context).removeprefix("Usage: ")
    said = inspect.cleandoc(command.help or "").replace("\b\n", "")
    text = f"\n## {' '.join(path)}\n\n{said}\n\n```text\n{usage}\n```\n"
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        rows = [_option(one, context) for one in options]
        text += "\n" + table(("option", "meaning", "default"), rows)
    return text


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    record = option.get_help_record(context)
    assert record is not None
    names, _ = record
    default = option.default
    shown = "needed" if option.required else ""
    if isinstance(default, str | int | float) and default is not False and default != "":
        shown = f"`{default}`"
    return f"`{names}`", option.help or "", shown


def main() -> int:
    return publish("reference/cli.md", render())


if __name__ == "__main__":
    sys.exit(main())
