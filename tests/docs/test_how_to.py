"""Every shell block of the how-to pages is run, as it stands, against the simulated exchanges.

A block fenced as `sh` claims to run. The blocks of a page are run one after the other in a folder
of their own, by the command line's own entry point.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery
from lab_support import VENUES

from market_assets.cli import main
from market_assets.simulator.process import RunningSimulator

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {
    page.stem: BLOCK.findall(page.read_text(encoding="utf-8"))
    for page in sorted((DOCS / "how-to").glob("*.md"))
}


# Whoever follows it has a project of Google; a test has the emulator, which one worker starts.
ON_BIGQUERY = "run-on-bigquery"


def pages() -> list[object]:
    return [
        pytest.param(page, marks=pytest.mark.xdist_group("bigquery") if page == ON_BIGQUERY else ())
        for page, blocks in PAGES.items()
        if blocks
    ]


def lines_of(block: str) -> list[str]:
    joined = block.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def exit_code(arguments: list[str]) -> object:
    try:
        main(arguments)
    except SystemExit as done:
        return done.code or 0
    return 0


@pytest.mark.parametrize("page", pages())
def test_each_shell_block_of_a_page_runs(
    page: str,
    request: pytest.FixtureRequest,
    exchange: RunningSimulator,
    parsed_marts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(parsed_marts, tmp_path / "state" / "dbt")
    monkeypatch.setenv("MARKET_ASSETS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MARKET_ASSETS_WAREHOUSE__PATH", str(tmp_path / "warehouse"))
    monkeypatch.setenv("MARKET_ASSETS_CONFIG", str(tmp_path / "platform.yaml"))
    settings = re.search(r"```yaml\n(.*?)```", (DOCS / f"how-to/{page}.md").read_text(), re.S)
    (tmp_path / "platform.yaml").write_text(settings[1] if settings else "")
    if page == ON_BIGQUERY:
        place: EmulatedBigQuery = request.getfixturevalue("bigquery")
        monkeypatch.setenv("MARKET_ASSETS_BIGQUERY__API_ENDPOINT", place.api_endpoint)
        monkeypatch.setenv("MARKET_ASSETS_BIGQUERY__PROJECT", place.project)
    for venue in VENUES:
        monkeypatch.setenv(
            f"MARKET_ASSETS_VENUES__{venue.upper()}__BASE_URL", exchange.base_url(venue)
        )
    for block in PAGES[page]:
        for line in lines_of(block):
            command, *arguments = shlex.split(line, comments=True)
            if command == "export":
                name, value = arguments[0].split("=", 1)
                monkeypatch.setenv(name, value)
                continue
            assert command == "market-assets", line
            assert exit_code(arguments) == 0, f"{line}: {capfd.readouterr()}"
