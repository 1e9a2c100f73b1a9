"""Whoever is woken by an alert finds what to do, and what it says is still so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from market_assets.settings import load_settings
from market_assets.settings.alerts import ALERT_RULES, MarketRule
from market_assets.settings.variables import known_variables

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
PAGES = {"operations": OPERATIONS, "alerts": ALERTS}
# Three parts that say less than this together say nothing.
LEAST_WORDS = 60
STUB = "Nobody has written down yet"


def runbook(rule: str) -> str:
    """The entry of a rule, without its heading."""
    _, found, after = OPERATIONS.partition(f"\n### alert: {rule}\n")
    assert found, f"docs/operations.md has no runbook of {rule}: run make docs-reference"
    return re.split(r"^#{1,3} ", after, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("rule", ALERT_RULES)
def test_every_rule_has_a_runbook_that_says_what_it_means_how_to_see_it_and_what_to_do(
    rule: str,
) -> None:
    entry = runbook(rule)

    assert STUB not in entry
    parts = re.split(r"^\*\*(Means|See|Do)\.\*\* ", entry, flags=re.MULTILINE)
    assert parts[1::2] == ["Means", "See", "Do"]
    for part in parts[2::2]:
        assert len(re.findall(r"\w+", part)) >= LEAST_WORDS // 6
    assert len(re.findall(r"\w+", entry)) >= LEAST_WORDS


def test_no_runbook_is_of_a_rule_that_is_no_more() -> None:
    assert re.findall(r"^### alert: (\S+)$", OPERATIONS, flags=re.MULTILINE) == list(ALERT_RULES)


def test_a_rule_without_a_runbook_gets_a_stub_that_is_refused(tmp_path: Path) -> None:
    """The generator writes it, and the test above fails on it."""
    copy = tmp_path / "repository"
    (copy / "docs/reference").mkdir(parents=True)
    (copy / "scripts").mkdir()
    script = copy / "scripts/generate_alerts_reference.py"
    source = ROOT / "scripts/generate_alerts_reference.py"
    script.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    shortened = OPERATIONS.replace(f"### alert: disk_left\n{runbook('disk_left')}", "")
    (copy / "docs/operations.md").write_text(shortened, encoding="utf-8")
    command = [sys.executable, str(script)]
    environment = {"PYTHONPATH": str(ROOT)}

    checked = subprocess.run(
        [*command, "--check"], env=environment, check=False, capture_output=True, text=True
    )
    subprocess.run(command, env=environment, check=True, capture_output=True)

    assert checked.returncode == 1
    assert "runbook disk_left" in checked.stderr
    written = (copy / "docs/operations.md").read_text(encoding="utf-8")
    assert STUB in written.partition("### alert: disk_left")[2]


def test_messages_link_to_the_runbooks() -> None:
    from market_assets.alerts.wording import RUNBOOK

    assert RUNBOOK == "docs/operations.md"
    reference = (ROOT / "docs/reference/alerts.md").read_text(encoding="utf-8")
    for rule in ALERT_RULES:
        # GitHub's anchor of "alert: <rule>"
        assert f"(../operations.md#alert-{rule})" in reference


def code(page: str) -> Iterator[str]:
    """What is set in code within a line."""
    without_blocks = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", without_blocks)


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_are_named_are_settings(page: str) -> None:
    known = {".".join(variable.path) for variable in known_variables().values()}
    # `marts.` is the schema of tables wherever these pages name it.
    sections = {name.rpartition(".")[0] for name in known} - {"marts", ""} | {"venues"}

    for word in code(PAGES[page]):
        name = word.partition(":")[0].replace("<name>", "okx")
        if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name) and name.split(".")[0] in sections:
            assert name in known or name in sections, word


def commands() -> Iterator[str]:
    for page in PAGES.values():
        yield from (word for word in code(page) if word.startswith("market-assets "))
        yield from re.findall(r"^(market-assets .+)$", page, flags=re.MULTILINE)


def test_commands_that_are_named_are_commands_with_these_options() -> None:
    import click

    from market_assets.cli import cli

    context = click.Context(cli)
    seen = set()
    for line in commands():
        words = shlex.split(line.replace("[", "").replace("]", ""))[1:]
        command = cli.get_command(context, words[0])
        assert command is not None, line
        names = words[1:]
        if isinstance(command, click.Group) and names and not names[0].startswith("-"):
            command = command.get_command(context, names[0])
            assert command is not None, line
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in names if word.startswith("--")} <= options, line
        seen.add(words[0])

    assert {"alerts", "costs", "repair", "ingest", "doctor"} <= seen


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    return [str(block) for block in found]


@pytest.mark.parametrize("text", blocks(ALERTS, "yaml"))
def test_settings_that_are_shown_are_valid(tmp_path: Path, text: str) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(text, encoding="utf-8")

    settings = load_settings(file, {})

    assert settings.alerts.model_fields_set


def test_every_market_rule_is_shown_and_every_channel_has_its_secret(tmp_path: Path) -> None:
    from typing import get_args

    shown = "\n".join(blocks(ALERTS, "yaml"))
    for rule in get_args(MarketRule):
        assert f"rule: {rule}" in shown
    for name in re.findall(r"url_secret: (\w+)", shown):
        assert f"export MARKET_ASSETS_SECRET_{name.upper()}=" in ALERTS


def test_addresses_of_channels_are_such_as_apprise_sends_to() -> None:
    import apprise

    shown = [
        word
        for word in (*code(ALERTS), *re.findall(r"_URL='([^']+)'", ALERTS))
        if re.match(r"(slack|mailtos|pagerduty|tgram|jsons)://", word)
    ]

    assert len(shown) >= 7
    for address in shown:
        # Only where the token's own form is checked, the placeholder is replaced by one.
        real = address.replace(
            "TokenA/TokenB/TokenC", "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
        )
        assert apprise.Apprise.instantiate(real) is not None, address


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+\.(?:md|json|yml))(?:#[^)]*)?\)", PAGES[page]):
        assert (ROOT / "docs" / target).exists(), target
    for name in code(PAGES[page]):
        if name.startswith("deploy/"):
            assert (ROOT / name).exists(), name


def test_sensors_that_are_named_are_sensors() -> None:
    """Their names are what a person looks for in the UI."""
    sources = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("sensors", "market_assets/defs")
        for file in (ROOT / folder).glob("*.py")
    )

    for name in ("raw_automation", "repair_missing", "maintain_warehouse", "watch"):
        assert f"`{name}`" in OPERATIONS
        assert f'"{name}"' in sources
