"""Drive a real stack from outside: processes, GraphQL, the simulator's truth, the warehouse."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import yaml

from market_assets.stack import ports
from market_assets.stack.dagster_api import AssetKey, DagsterApi, Partitions
from market_assets.stack.layout import CHECKOUT, Layout
from market_assets.stack.lock import published
from market_assets.stack.log_tail import log_tail
from market_assets.stack.processes import leftovers, stop

SYMBOLS = ("BTCUSDT", "UNIUSDT")
DAYS = 62
SLOW = 180.0
SECRET = "MARKET_ASSETS_SECRET_CANARY"
ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED", "FAILED", "CANCELED"}

STOP_SENSOR = """query($name: String!) { sensorOrError(sensorSelector: {sensorName: $name,
  repositoryName: "__repository__", repositoryLocationName: "market_assets"}) { __typename
  ... on Sensor { sensorState { id } } } }"""
CANCEL = """mutation($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename
  ... on PythonError { message } } }"""

T = TypeVar("T")


class DrivenStack:
    """The processes of `run_stack.py` in one state folder, startable again after any death."""

    def __init__(self, state: Path, parsed_marts: Path) -> None:
        self.layout = Layout(state)
        self.simulator_port = ports.free_port()
        self.start_day = datetime.now(UTC).date() - timedelta(days=DAYS)
        self.process: subprocess.Popen[bytes] | None = None
        self.api = DagsterApi("http://127.0.0.1:1")
        self._write_settings()
        # As an image brings it: the demo's test parses for itself.
        shutil.copytree(parsed_marts, state / "dbt")

    def _write_settings(self) -> None:
        state = self.layout.state
        state.mkdir(parents=True)
        url = f"http://127.0.0.1:{self.simulator_port}"
        venue = {"symbols": list(SYMBOLS), "start": self.start_day.isoformat()}
        settings = {
            "state_dir": str(state),
            "warehouse": {"path": str(state / "warehouse")},
            "venues": {v: {"base_url": f"{url}/{v}", **venue} for v in ("binance", "okx", "aster")},
            # Tests do not wait as long as a patient platform does.
            "http": {"max_backoff_seconds": 2},
        }
        self.layout.platform.write_text(yaml.safe_dump(settings))
        outage = self.start_day + timedelta(days=20)
        simulator = {
            "port": self.simulator_port,
            "seed": 11,
            "faults": {
                "no_trade_rate": 0.02,
                "outages": [
                    {"venue": "binance", "start": f"{outage}T03:00Z", "end": f"{outage}T08:00Z"}
                ],
            },
        }
        (state / "given.json").write_text(json.dumps(simulator))

    # -- processes

    def start(self) -> None:
        self.layout.info.unlink(missing_ok=True)
        log = self.layout.state / "run_stack.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("run_stack.py")),
                    str(self.layout.state),
                ],
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), SECRET: "a secret"},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def url() -> str | None:
            assert self.process is not None
            assert self.process.poll() is None, f"the stack ended:{log_tail(log, 40)}"
            return published(self.layout).get("url")

        self.api.close()
        self.api = DagsterApi(until(url, SLOW, "the stack is up"))

    def stop(self) -> None:
        """The test's end: nothing of it may stay."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.api.close()
        stop(self.processes, grace_seconds=1)

    def kill(self) -> None:
        """What a crash of the machine's session does: no chance to say goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def processes(self) -> list[psutil.Process]:
        return leftovers(self.layout.state)

    def find(self, text: str) -> list[psutil.Process]:
        found = []
        for process in self.processes():
            try:
                if text in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def workers(self) -> list[psutil.Process]:
        """The processes in which runs are executed."""
        return self.find("multiprocessing.spawn")

    # -- the simulator

    def control(self, **changes: object) -> None:
        httpx.post(self._simulator("control"), json=changes, trust_env=False).raise_for_status()

    def truth(self, what: str, symbol: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        asked = {"symbol": symbol, "start": millis(start), "end": millis(end), "interval": "1h"}
        answer = httpx.get(
            self._simulator(f"truth/{what}"), params=asked, timeout=60, trust_env=False
        )
        rows: list[dict[str, Any]] = answer.raise_for_status().json()
        return rows

    def _simulator(self, path: str) -> str:
        return f"http://127.0.0.1:{self.simulator_port}/{path}"

    # -- Dagster

    def stop_automation(self) -> None:
        """These tests say themselves what runs; the hour's own runs would come in between."""
        for name in ("raw_automation", "marts_automation"):
            sensor = self.api.one(STOP_SENSOR, name=name)["sensorState"]["id"]
            self.api.ask("mutation($id: String!) { stopSensor(id: $id) { __typename } }", id=sensor)

    def launch_run(self, key: AssetKey, partition: str) -> str:
        return self.api.launch_run([key], partition)

    def cancel(self, backfill_id: str) -> None:
        """Dagster's daemon writes a backfill back as it read it a moment before: a click that comes
        in between is lost, the page goes on to say "In progress", and a person clicks again."""

        def taken() -> bool:
            self.api.one(CANCEL, id=backfill_id)
            time.sleep(3)
            return self.api.backfill_status(backfill_id) in {"CANCELING", *ENDED}

        until(taken, 15, "the daemon has seen that the backfill is cancelled")

    def backfill_ends(self, backfill_id: str, seconds: float = SLOW) -> str:
        def status() -> str | None:
            found = self.api.backfill_status(backfill_id)
            return found if found in ENDED else None

        return until(status, seconds, f"backfill {backfill_id} ends")

    def run_ends(self, run_id: str, seconds: float = SLOW) -> str:
        def status() -> str | None:
            (run,) = self.api.runs(runIds=[run_id])
            return run["status"] if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} else None

        return until(status, seconds, f"run {run_id} ends")

    def run_starts(self, seconds: float = SLOW, **filters: object) -> str:
        def started() -> str | None:
            runs = self.api.runs(statuses=["STARTED"], **filters)
            return runs[0]["runId"] if runs else None

        return until(started, seconds, "a run has started")

    def partitions(self, asset: str) -> Partitions:
        return self.api.partitions(("raw", asset))


def until(found: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first thing found, within `seconds`."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        answer = found()
        if answer:
            return answer
        time.sleep(1)  # asking costs the stack more than we wait
    raise AssertionError(f"after {seconds:.0f} s it is still not true that {what}")


def key_time(key: str) -> datetime:
    return datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def interrupt(process: subprocess.Popen[Any]) -> None:
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)
