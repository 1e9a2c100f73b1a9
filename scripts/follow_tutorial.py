"""Follow docs/tutorial.md word for word, and take its pictures: fails at the step that fails.

    .venv/bin/python scripts/follow_tutorial.py [--demo "make demo"] [--target docs/images]

Settings, commands and cells are those of the page. Nothing else may hold the demo's ports; the
demo's data (.state/demo) must not know the symbol yet.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from take_screenshots import (
    SETTLE_MS,
    TARGET,
    WIDTH,
    ChromiumMissing,
    DagsterUi,
    browser_page,
    save,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
ASSET, CHECK, SYMBOL = "raw/binance_ohlcv", "completeness", "1000PEPEUSDT"
# Three days of hours lie on four, or on three that begin at midnight.
DAYS = 3
PATIENCE_SECONDS = 1800.0
UNASKED = re.compile(rf"Nobody asked for binance ohlcv 1h {SYMBOL} (.{{16}}) \.\. (.{{16}})")
STYLE = """<style>body{font:15px sans-serif;margin:24px 40px;width:1180px}
pre{background:#f5f5f5;border:1px solid #ddd;padding:10px;margin:14px 0 8px}
table{border-collapse:collapse;font-size:14px}td,th{padding:4px 12px;text-align:right}
tbody tr:nth-child(odd){background:#f5f5f5}.at{color:#888;font-family:monospace}</style>"""

T = TypeVar("T")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def variables() -> dict[str, str]:
    """What the page exports."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    words = [line.removeprefix("export ") for line in lines if line.startswith("export ")]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def ran(*arguments: str) -> str:
    """What a command of ours prints."""
    program = [sys.executable, "-c", "from market_assets.cli import main; main()"]
    return subprocess.run(
        [*program, *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def status() -> str:
    """As the page has it, with its options."""
    [command] = {block for block in blocks("sh") if block.startswith("market-assets status")}
    return ran(*shlex.split(command)[1:])


def until(found: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if answer := found():
            return answer
        time.sleep(2)
    sys.exit(f"After {seconds:.0f} s it is still not true that {what}")


@contextmanager
def demo(command: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The demo while it is up; the UI's address."""
    log = ROOT / ".state" / "tutorial.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            shlex.split(command),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def address() -> str | None:
        said = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None:
            sys.exit(f"The demo ended:\n{said}")
        told = re.search(r"Dagster UI\s+(http://\S+)", said)
        return told[1] if told and "Ctrl-C stops everything" in said else None

    try:
        yield until(address, "the demo is up")
    finally:
        # As Ctrl-C does it: to all that make has started.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def see_the_check_fail(ui: DagsterUi) -> None:
    ui.check(ASSET, CHECK)
    # The other button of this name is "Execute all".
    ui.page.get_by_role("button", name="Execute").last.click()
    _see(ui, "Failed", SYMBOL)
    ui.page.get_by_text("[Show Markdown]").first.click()
    ui.page.get_by_role("dialog").get_by_text("nobody asked for it").first.wait_for()


def see_the_check_pass(ui: DagsterUi) -> None:
    ui.check(ASSET, CHECK)
    _see(ui, "Passed", "window_end")


def _see(ui: DagsterUi, verdict: str, told: str) -> None:
    """The check's newest verdict, once the page shows it."""

    def shown() -> bool:
        ui.check(ASSET, CHECK)
        of_check = ui.page.get_by_text("Latest execution").locator("xpath=../../../..")
        return verdict in of_check.inner_text() and told in ui.page.content()

    until(shown, f"the check {CHECK} says {verdict} and {told}")


def range_of(told: str) -> tuple[str, str]:
    """The first and the last partition of what `status` says nobody asked for."""
    found = UNASKED.search(told)
    if found is None:
        sys.exit(f"`status` does not name {SYMBOL}:\n{told}")
    first, end = (datetime.fromisoformat(text) for text in found.groups())
    return f"{first:%Y-%m-%d-%H:%M}", f"{end - timedelta(hours=1):%Y-%m-%d-%H:%M}"


def backfill(ui: DagsterUi, first: str, last: str) -> Iterator[None]:
    """Once with the dialog on show, then until it is done."""
    ui.partitions(ASSET)
    ui.backfill_dialog(first, last)
    yield
    ui.backfill(ui.launch_backfill())
    succeeded = ui.page.get_by_text("Succeeded", exact=True).first
    succeeded.wait_for(timeout=PATIENCE_SECONDS * 1000)


def notebook(folder: Path) -> list[dict[str, Any]]:
    """The page's cells with what they put out, run as a notebook runs them."""
    import nbformat
    from nbclient import NotebookClient

    cell: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": []}
    cells = [
        {**cell, "execution_count": None, "source": source.rstrip()} for source in blocks("python")
    ]
    told = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
    # nbformat 5.11 has types for its nodes, and none for what reads them.
    book = nbformat.reads(json.dumps(told), as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return list(book.cells)


def bars_are_there() -> bool:
    """The marts are built by themselves."""
    sql = f"select date from marts.daily_ohlcv where venue = 'binance' and symbol = '{SYMBOL}'"
    told = ran("query", sql, "--format", "json", "--config", ".state/demo/platform.yaml")
    return len(told.splitlines()) >= DAYS


def show(page: Page, cells: list[dict[str, Any]]) -> None:
    """Cells and outputs as they are: nothing that draws notebooks is installed here."""
    parts = []
    for number, cell in enumerate(cells, 1):
        parts.append(f"<span class=at>[{number}]:</span><pre>{html.escape(cell['source'])}</pre>")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                parts.append(f'<img src="data:image/png;base64,{data["image/png"].strip()}">')
            elif "text/html" in data:
                parts.append(data["text/html"])
    page.set_viewport_size({"width": WIDTH, "height": 930})
    page.set_content(STYLE + "".join(parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", default="make demo", help="what starts the demo")
    parser.add_argument("--target", type=Path, default=TARGET)
    parser.add_argument(
        "--again", action="store_true", help="leave out the first start: the demo's data are there"
    )
    options = parser.parse_args()

    def take(page: Page, name: str) -> None:
        page.wait_for_timeout(SETTLE_MS)
        file = options.target / f"tutorial-{name}.png"
        save(page, file)
        print(f"{file} {file.stat().st_size // 1000} kB", flush=True)

    if not options.again:
        with demo(options.demo, {}):
            print("1. The demo is up", flush=True)
    with demo(options.demo, variables()) as url, browser_page() as page:
        page.set_viewport_size({"width": WIDTH, "height": 900})
        ui = DagsterUi(page, url)
        first, last = range_of(status())
        print(f"2. status names {SYMBOL} from {first} to {last}", flush=True)
        see_the_check_fail(ui)
        take(page, "gap")
        steps = backfill(ui, first, last)
        next(steps)
        take(page, "range")
        next(steps, None)
        see_the_check_pass(ui)
        take(page, "green")
        if UNASKED.search(told := status()):
            sys.exit(f"`status` still names {SYMBOL}:\n{told}")
        until(bars_are_there, f"marts.daily_ohlcv has {SYMBOL}")
        show(page, notebook(ROOT))
        take(page, "notebook")


if __name__ == "__main__":
    try:
        main()
    except ChromiumMissing as error:
        sys.exit(str(error))
