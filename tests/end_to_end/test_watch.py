"""The watch in a real stack: one outage, one message; no restart sends it twice; a hole is told.

The venue is out of order from the start and the data end three hours ago; a webhook listens.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from driving import DrivenStack, until
from lab_support import Lab, merged

from market_assets.errors import VenueUnavailable
from market_assets.schemas.timeline import HOUR_MS, Window, floor_to, to_ms
from market_assets.settings import Settings
from market_assets.simulator.process import running_simulator
from market_assets.stack import ports
from market_assets.stack.layout import CHECKOUT
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.estimate import TIB, Statement
from market_assets.watch.snapshot import Snapshot, read_snapshot

sys.path.insert(0, str(CHECKOUT / "scripts"))

from take_screenshots import DagsterUi, browser_page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo_and_watch")]

SYMBOL = "BTCUSDT"
LOOKS_APART = 5
# A look that comes so late ends a hole: three intervals, and half a minute that a machine may need.
HOLE_SECONDS = 3 * LOOKS_APART + 30
# Far more than all of this test's own statements cost.
BUDGET = 100.0
DOWN = {"http_503": 1.0, "fault_paths": ["klines", "funding", "instruments", "time"]}
DRAWN = "image => image.complete && image.naturalWidth > 0"
CHECK = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { __typename
  ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks { name
  executionForLatestMaterialization { status evaluation { success description } } } } } } } }"""
ALERTS = """query { assetNodeOrError(assetKey: {path: ["ops", "alerts"]}) { __typename
  ... on AssetNode { assetMaterializations(limit: 1) {
  metadataEntries { label ... on MarkdownMetadataEntry { mdStr } } } } } }"""


class Hook:
    """A webhook that keeps what it is sent."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        titles = self.titles

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                titles.append(body["title"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}/"


class WatchedStack(DrivenStack):
    """One venue with one symbol, and looks in quick succession."""

    def _write_settings(self) -> None:
        super()._write_settings()
        given = yaml.safe_load(self.layout.platform.read_text())
        start = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        given = merged(
            given,
            {
                "venues": {
                    "binance": {"symbols": [SYMBOL], "start": start},
                    "okx": {"enabled": False},
                    "aster": {"enabled": False},
                },
                "metrics_url": f"http://127.0.0.1:{ports.free_port()}/metrics",
                "thresholds": {"daily_cost_usd": BUDGET},
                "costs": {"stop_at_budget": True},
                "http": {"attempts": 2, "breaker_first_pause_seconds": 1},
                "alerts": {
                    "interval_seconds": LOOKS_APART,
                    "channels": [{"name": "hook", "url_secret": "hook_url"}],
                    "routes": {s: ["log", "hook"] for s in ("info", "warning", "critical")},
                },
            },
        )
        self.layout.platform.write_text(yaml.safe_dump(given))
        simulator = {"port": self.simulator_port, "seed": 11, "faults": DOWN}
        (self.layout.state / "given.json").write_text(json.dumps(simulator))

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(yaml.safe_load(self.layout.platform.read_text()))

    def had_data_and_lost_the_venue(self) -> None:
        """Rows up to three hours ago; then the venue answered nothing any more."""
        now = floor_to(to_ms(datetime.now(UTC)), HOUR_MS)
        start = to_ms(self.settings.venue("binance").start)
        path = self.settings.warehouse.path
        market = {"seed": 11, "port": self.simulator_port}
        with running_simulator(market) as exchange, DuckLakeWarehouse(path) as lake:
            given = yaml.safe_load(self.layout.platform.read_text())
            lab = Lab(exchange, lake, self.layout.state, given)
            for dataset in ("ohlcv", "funding_rates"):
                lab.ingest("binance", SYMBOL, Window(start, now - 3 * HOUR_MS), dataset=dataset)
            exchange.control(faults=DOWN)
            for _ in range(3):
                with pytest.raises(VenueUnavailable):
                    lab.ingest("binance", SYMBOL, Window(now - 3 * HOUR_MS, now))

    def last_looked(self, seconds_ago: float) -> datetime:
        """Put back the file's word of the last look, instead of waiting for so long."""
        file = self.layout.state / "watch.json"
        told = json.loads(file.read_text())
        moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        file.write_text(json.dumps(told | {"looked_at": moment.isoformat()}))
        return moment

    def look_after(self, moment: datetime) -> Snapshot:
        """The first look that came after a moment."""

        def looked() -> Snapshot | None:
            found = read_snapshot(self.layout.state)
            return found if found is not None and found.looked_at > moment else None

        return until(looked, 120, f"somebody has looked after {moment}")

    def looks(self, count: int) -> Snapshot:
        """So many looks from now on, the last of them."""
        last = self.look_after(datetime.now(UTC))
        for _ in range(count - 1):
            last = self.look_after(last.looked_at)
        return last


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    found = Hook()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MARKET_ASSETS_SECRET_HOOK_URL", found.url)
        yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(scope="module")
def watched(
    hook: Hook, tmp_path_factory: pytest.TempPathFactory, parsed_marts: Path
) -> Iterator[WatchedStack]:
    stack = WatchedStack(tmp_path_factory.mktemp("watched") / "state", parsed_marts)
    try:
        stack.had_data_and_lost_the_venue()
        stack.start()
        # The hour's own runs would come in between.
        stack.stop_automation()
        yield stack
    finally:
        stack.stop()


def test_an_outage_is_told_once_whatever_restarts_and_its_end_once(
    watched: WatchedStack, hook: Hook
) -> None:
    until(lambda: hook.titles, 60, "somebody was told")
    snapshot = watched.looks(3)
    assert len(hook.titles) == 1, hook.titles
    assert hook.titles[0].startswith("Venue down, binance")
    stale = [v for v in snapshot.verdicts if (v.rule, v.scope) == ("freshness", "binance ohlcv")]
    assert [verdict.state for verdict in stale] == ["unknown"], stale
    assert [alert.rule for alert in snapshot.alerts] == ["venue_down"]
    _shows_it(watched)

    # As if the machine had died, and been off for so long that looks are missing.
    watched.kill()
    until(lambda: not watched.processes(), 30, "nothing of it is left")
    gone = watched.last_looked(HOLE_SECONDS + LOOKS_APART)
    watched.start()
    watched.look_after(datetime.now(UTC))
    watched.looks(2)
    assert len(hook.titles) == 2, hook.titles
    assert hook.titles[1].startswith("Platform was down, looks")
    assert f"nobody looked from {gone:%Y-%m-%d %H}" in hook.titles[1]

    watched.control(faults={"http_503": 0.0})
    assert watched.backfill_ends(_last_hours(watched, 6)) == "COMPLETED_SUCCESS"
    until(lambda: len(hook.titles) > 2, 60, "its end is told")
    snapshot = watched.looks(2)
    assert hook.titles[2:] == [hook.titles[2]]
    assert hook.titles[2].startswith("Resolved: Venue down, binance")
    assert not snapshot.alerts
    # Daemons, schedules and sensors, and the backfill, as Dagster's own storage tells of them.
    ticking = {v.scope: v.state for v in snapshot.verdicts if v.rule == "not_ticking"}
    assert ticking == dict.fromkeys(("daemon", "schedule", "sensor"), "ok")
    [backfill] = [v for v in snapshot.verdicts if v.rule == "backfill_failed"]
    assert (backfill.state, backfill.text) == ("ok", "succeeded, 12 of 12 partitions done")


def test_a_used_up_budget_warns_then_stops_what_can_wait_until_it_is_released(
    watched: WatchedStack, hook: Hook
) -> None:
    def told(beginning: str) -> str | None:
        titles = [title for title in hook.titles if title.startswith("Cost budget")]
        return next((title for title in titles if beginning in title), None)

    def spend(dollars: float) -> None:
        with DuckLakeWarehouse(watched.settings.warehouse.path) as lake:
            lake.note([Statement("mart", (), (round(TIB / 6.25 * dollars),), "marts.ohlcv")])

    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    spend(0.85 * BUDGET)
    until(lambda: told("$85"), 60, "it is told at 80 %")
    spend(0.2 * BUDGET)
    until(lambda: told("$105"), 60, "it is told that nothing is left")

    refused = watched.launch_run(("reports", "data_quality"), yesterday)
    assert watched.run_ends(refused) == "FAILURE"
    newest = watched.partitions("binance_ohlcv").keys[-1]
    assert watched.run_ends(watched.launch_run(("raw", "binance_ohlcv"), newest)) == "SUCCESS"

    with DuckLakeWarehouse(watched.settings.warehouse.path) as lake:
        lake.release_budget(datetime.now(UTC).date(), "the report is needed")
    allowed = watched.launch_run(("reports", "data_quality"), yesterday)
    assert watched.run_ends(allowed) == "SUCCESS"
    snapshot = watched.looks(2)
    [budget] = [alert for alert in snapshot.alerts if alert.rule == "cost_budget"]
    assert "the report is needed" in budget.title, budget


def _shows_it(watched: WatchedStack) -> None:
    """In the UI: the check of the table fails, and the alert is on the asset of alerts."""
    node = watched.api.one(CHECK, key={"path": ["raw", "binance_ohlcv"]})
    checks: list[dict[str, Any]] = node["assetChecksOrError"]["checks"]
    [freshness] = [check for check in checks if check["name"] == "freshness"]
    evaluation = freshness["executionForLatestMaterialization"]["evaluation"]
    assert not evaluation["success"]
    assert f"{SYMBOL} 1h" in evaluation["description"]
    [shown] = watched.api.one(ALERTS)["assetMaterializations"]
    told = {entry["label"]: entry.get("mdStr") for entry in shown["metadataEntries"]}
    assert "Venue down, binance" in told["firing"]
    assert "data:image/svg+xml" in told["timeline"]
    with browser_page() as page:
        ui = DagsterUi(page, watched.api.url)
        ui.asset("ops/alerts")
        assert ui.metadata_picture("timeline").evaluate(DRAWN)
        ui.check("raw/binance_ohlcv", "freshness")
        page.get_by_text(f"{SYMBOL} 1h").first.wait_for()
        page.goto(watched.settings.metrics_url)
        assert 'market_assets_open_alerts{severity="critical",state="firing"} 1.0' in page.content()


def _last_hours(watched: WatchedStack, count: int) -> str:
    """A backfill of the venue's last hours, as a person launches it."""
    keys = watched.partitions("binance_ohlcv").keys[-count:]
    span = [(keys[0], keys[-1])]
    names = ("binance_ohlcv", "binance_funding_rates")
    return watched.api.launch({("raw", name): span for name in names})
