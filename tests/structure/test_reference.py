"""The reference pages are what the code says, and the code says something about everything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from market_assets.cli import cli

ROOT = Path(__file__).parents[2]
GENERATORS = sorted((ROOT / "scripts").glob("generate_*_reference.py"))
# Dagster's definitions take seconds to load: compared in tests/defs/test_definitions.py.
COMPARED_HERE = [script for script in GENERATORS if "assets" not in script.stem]


@pytest.mark.parametrize("script", COMPARED_HERE, ids=lambda script: script.stem)
def test_a_reference_page_is_what_its_generator_writes(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--check"],
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", GENERATORS, ids=lambda script: script.stem)
def test_make_docs_reference_writes_every_page(script: Path) -> None:
    assert f"scripts/{script.name}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, f"{path} {name}")


COMMANDS = dict(_commands(cli, "market-assets"))


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_and_each_of_its_options_says_what_it_is_for(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    silent = [one.opts for one in command.params if isinstance(one, click.Option) and not one.help]
    assert silent == []
