"""Pictures of the running demo for docs/images: start `make demo`, then run this beside it.

    .venv/bin/python scripts/take_screenshots.py [--url http://127.0.0.1:3000]

The same walk through the UI is a test (tests/end_to_end/test_browser.py).
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from market_assets.stack.dagster_api import DagsterApi

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Scheme = Literal["light", "dark"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 920
MAX_BYTES = 200_000
TIMEOUT_MS = 60_000
SETTLE_MS = 2_500
BACKFILLED_HOURS = 56
# Of these, what the coverage is to show: the venue stood still, and now and then nobody traded.
OUTAGE = slice(14, 20)
NO_TRADE_RATE = 0.03
VENUE = "binance"
TARGET = Path(__file__).resolve().parents[1] / "docs" / "images"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumMissing(RuntimeError):
    def __init__(self) -> None:
        super().__init__("Chromium is not installed.\n  -> Run: make test-system")


@contextmanager
def browser_page(
    width: int = WIDTH, height: int = HEIGHT, scheme: Scheme = "light"
) -> Iterator[Page]:
    """A page of the system's Chromium."""
    from playwright.sync_api import sync_playwright

    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    if binary is None:
        raise ChromiumMissing
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.set_default_timeout(TIMEOUT_MS)
        try:
            yield page
        finally:
            browser.close()


class DagsterUi:
    """What a person does in Dagster's UI."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}", wait_until="domcontentloaded")

    def asset_graph(self, *groups: str) -> None:
        """The graph of the groups: each venue's raw assets, and the marts by topic."""
        self.open("/asset-groups")
        self.page.get_by_text("Global asset lineage").first.wait_for()
        for group in groups:
            # Once in the list beside the graph, and once in the graph itself.
            shown = self.page.get_by_text(group, exact=True).locator("visible=true")
            shown.nth(1).wait_for()
        self.page.wait_for_timeout(SETTLE_MS)

    def lineage(self, selection: str) -> None:
        """The assets of a selection as cards, with the window's width to themselves."""
        self.open(f"/asset-groups~{quote(selection, safe='')}/")
        self.page.get_by_text("Global asset lineage").first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        self.page.keyboard.press("Alt+e")  # shows every group's assets
        self.page.wait_for_url("**expanded=**")
        self.page.get_by_text("Hide navigation").click()
        list_of_groups = self.page.get_by_placeholder("Jump to")
        list_of_groups.locator("xpath=following::button[1]").click()
        self.page.wait_for_timeout(SETTLE_MS)
        assert self.page.viewport_size
        width, height = self.page.viewport_size["width"], self.page.viewport_size["height"]
        # A double click on the ground fits the graph to the window.
        self.page.mouse.dblclick(width - 130, height - 30)
        self.page.wait_for_timeout(SETTLE_MS)

    def dbt_docs(self, address: str, mart: str) -> None:
        """A mart's page in dbt's docs, found by the search, with its lineage drawn beside it."""
        self.page.goto(address)
        self.page.get_by_placeholder("Search for models").fill(mart)
        found = self.page.locator("[ng-bind-html*='getModelName']")
        found.filter(has_text=re.compile(f"^{mart}$")).click()
        self.page.locator(".launcher").click()
        self.page.locator("canvas").first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)

    def partitions(self, asset: str, partition: str = "") -> None:
        chosen = f"&partition={partition}" if partition else ""
        self.open(f"/assets/{asset}?view=partitions{chosen}")
        self.page.get_by_text("Partitions Selected").first.wait_for()
        self.page.get_by_text(re.compile(r"Materialized \(\d+\)")).first.wait_for()

    def backfill_dialog(self, first: str, last: str) -> None:
        """On a partitions page: Materialize..., with a range typed in."""
        self.page.get_by_role("button", name="Materialize").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text("Partition selection").wait_for()
        dialog.get_by_text("Custom").wait_for()
        # The box says that there is nothing to choose until the partitions are there.
        dialog.get_by_text(re.compile(r"Showing \d+ of \d+ partitions")).wait_for()
        box = dialog.locator("input[type=text]").first
        box.fill(f"[{first}...{last}]")
        box.press("Tab")
        self.page.wait_for_timeout(500)

    def launch_backfill(self) -> str:
        """Press the dialog's button; the id of what it launched."""
        self.page.get_by_role("button", name="Launch backfill").click()
        told = self.page.get_by_text(re.compile(r"Created backfill"))
        told.first.wait_for()
        found = re.search(r"Created backfill\s+(\w+)", told.first.inner_text())
        assert found
        return found[1]

    def backfill(self, backfill_id: str) -> None:
        self.open(f"/runs/b/{backfill_id}")
        self.page.get_by_text("Partition selection").first.wait_for()

    def asset(self, asset: str) -> None:
        """Overview of an asset: what its newest event told."""
        self.open(f"/assets/{asset}?view=overview")
        self.page.get_by_text("Latest materialization").first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)

    def check(self, asset: str, name: str) -> None:
        """One check of an asset, with its newest verdict."""
        self.open(f"/assets/{asset}?view=checks&checkDetail={name}")
        self.page.get_by_text("Execution history").first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)

    def metadata_picture(self, key: str) -> Locator:
        """A picture among the metadata of an asset's overview: short ones are shown in place."""
        row = self.page.locator("tr").filter(has=self.page.get_by_text(key, exact=True))
        row.first.scroll_into_view_if_needed()
        button = row.get_by_text("Show Markdown")
        if button.count():
            button.first.click()
            image = self.page.get_by_role("dialog").locator("img").first
        else:
            image = row.locator("img").first
        image.wait_for()
        return image

    def picture(self, number: int) -> Locator:
        """Open a picture of the partition on show; the image, once it is drawn."""
        self.page.get_by_text("Show Markdown").nth(number).click()
        image = self.page.get_by_role("dialog").locator("img").first
        image.wait_for()
        return image


def plant_gaps(simulator: str, hours: Sequence[str]) -> None:
    """Partition keys whose hours the demo's venue is to stand still for."""
    import httpx

    start, end = (f"{hours[n][:10]}T{hours[n][11:]}Z" for n in (0, -1))
    faults = {
        "no_trade_rate": NO_TRADE_RATE,
        "outages": [{"venue": VENUE, "start": start, "end": end}],
    }
    httpx.post(f"{simulator}/control", json={"faults": faults}, trust_env=False).raise_for_status()


def views(page: Page, url: str, docs: str, simulator: str) -> Iterator[str]:
    """Goes from view to view; what it yields is the name of the one on show."""
    ui = DagsterUi(page, url)
    asset = f"raw/{VENUE}_ohlcv"
    ui.lineage('+key:"marts/risk_daily"')
    yield "asset-graph"
    ui.partitions(asset)
    page.wait_for_timeout(SETTLE_MS)
    yield "partitions"
    partitions = DagsterApi(url).partitions(tuple(asset.split("/")))
    oldest = min(partitions.materialised)
    # A range without holes: the newest hour may be missing too.
    chosen = [key for key in partitions.keys if key < oldest][-BACKFILLED_HOURS:]
    if len(chosen) < BACKFILLED_HOURS:
        raise SystemExit(f"Before {oldest} there is nothing left to backfill: take a new demo.")
    newest = max(partitions.materialised)
    plant_gaps(simulator, chosen[OUTAGE])
    ui.backfill_dialog(chosen[0], chosen[-1])
    yield "backfill-dialog"
    backfill = ui.launch_backfill()
    ui.backfill(backfill)
    # A column's head says it too.
    page.get_by_text("Succeeded", exact=True).nth(1).wait_for(timeout=240_000)
    page.get_by_text("100% completed").first.wait_for(timeout=240_000)
    yield "backfill"
    ui.partitions(asset, newest)
    page.get_by_text("Show Markdown").first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    yield "metadata"
    ui.open("/assets/marts/daily_ohlcv?view=overview")
    page.get_by_text("is_complete").first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    yield "mart"
    ui.dbt_docs(f"{docs}/dbt/index.html", "daily_ohlcv")
    yield "dbt-docs"
    page.goto(f"{docs}/quality/report/index.html")
    page.wait_for_timeout(SETTLE_MS)
    yield "quality-report"
    for name, partition, number in (("candles", newest, 0), ("coverage", chosen[-1], 1)):
        ui.partitions(asset, partition)
        page.get_by_text("Show Markdown").first.wait_for()
        page.wait_for_timeout(SETTLE_MS)
        ui.picture(number)
        page.wait_for_timeout(SETTLE_MS)
        yield name


def save(page: Page, target: Path) -> None:
    """As PNG, with fewer colours when it would be too heavy for a README."""
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in (256, 128, 64, 32):
        small = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= MAX_BYTES:
            break
    target.write_bytes(small.getvalue())


def alert_views(page: Page, url: str) -> Iterator[str]:
    """The pages of an alert that fires for candles of binance."""
    ui = DagsterUi(page, url)
    ui.asset("ops/alerts")
    ui.metadata_picture("timeline")
    page.wait_for_timeout(SETTLE_MS)
    yield "alert-timeline"
    ui.check("raw/binance_ohlcv", "freshness")
    yield "freshness"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="where the demo's UI is")
    parser.add_argument("--docs", default="http://127.0.0.1:3001", help="where its docs are")
    parser.add_argument(
        "--simulator", default="http://127.0.0.1:8900", help="where its simulated venues are"
    )
    parser.add_argument("--target", type=Path, default=TARGET)
    parser.add_argument(
        "--alerts", action="store_true", help="only the pages of an alert that fires right now"
    )
    parser.add_argument("--width", type=int, default=WIDTH, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=HEIGHT)
    parser.add_argument("--dark", action="store_true", help="as somebody in dark mode sees them")
    options = parser.parse_args()
    options.target.mkdir(parents=True, exist_ok=True)
    scheme: Scheme = "dark" if options.dark else "light"
    with browser_page(options.width, options.height, scheme) as page:
        shown = alert_views(page, options.url) if options.alerts else None
        for name in shown or views(page, options.url, options.docs, options.simulator):
            file = options.target / f"dagster-{name}.png"
            save(page, file)
            print(f"{file} {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    try:
        main()
    except ChromiumMissing as error:
        sys.exit(str(error))
