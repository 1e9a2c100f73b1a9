"""`market-assets demo` as a person starts it: data, a second start, Ctrl-C, and nothing left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from driving import interrupt, until

from market_assets.marts.project import SOURCE
from market_assets.stack import ports
from market_assets.stack.layout import CHECKOUT
from market_assets.stack.processes import leftovers, stop

pytestmark = pytest.mark.xdist_group("demo_and_watch")

COMMAND = "from market_assets.cli import main; main()"
# Coverage of the last three days: one symbol of one venue; one hour more if one closes meanwhile.
TABLE = re.compile(r"binance\W+ohlcv\W+1h\W+1\W+7[23]\W+0\W+0\W+0\W+0")


class Demo:
    """The demo of a small platform in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state" / "demo"
        self.config = folder / "platform.yaml"
        self.output = folder / "output.txt"
        small = {"symbols": ["BTCUSDT"]}
        settings = {
            "state_dir": str(folder / "state"),
            "simulator": {"port": ports.free_port()},
            "venues": {"binance": small, "okx": {"enabled": False}, "aster": {"enabled": False}},
        }
        self.config.write_text(yaml.safe_dump(settings))

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", COMMAND, "demo", "--config", str(self.config)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MARKET_ASSETS_")}
        with self.output.open("wb") as out:
            return subprocess.Popen(
                [*command, "--port", str(ports.free_port()), *options],
                cwd=CHECKOUT,
                env={**environment, "PYTHONPATH": str(CHECKOUT)},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")


def listening(state: Path) -> set[tuple[str, int]]:
    """Address and port of every socket on which a process of the stack listens.

    gRPC writes the address of IPv4 as that of IPv6.
    """
    return {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for process in leftovers(state)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    found = Demo(tmp_path)
    yield found
    stop(lambda: leftovers(found.state), grace_seconds=1)


def test_the_demo_brings_data_refuses_a_second_start_and_leaves_nothing(demo: Demo) -> None:
    first = demo.start()

    def is_up() -> bool:
        assert first.poll() is None, demo.said()
        return "Ctrl-C stops everything" in demo.said()

    until(is_up, 300, "the demo is up")
    said = demo.said()
    assert "147 of 147 partitions are materialised" in said
    marts = len(list(SOURCE.glob("models/marts/**/*.sql")))
    assert f"{4 * marts} of {4 * marts} partitions are materialised" in said, "each of four days"
    assert TABLE.search(said)
    docs = re.search(r"dbt docs\s+(http://\S+)", said)
    assert docs
    assert "daily_ohlcv" in httpx.get(docs[1], trust_env=False).text
    report = re.search(r"Quality report\s+(http://\S+)", said)
    assert report
    assert "How a score is made" in httpx.get(report[1], trust_env=False).text
    metrics = re.search(r"Metrics\s+(http://\S+)", said)
    assert metrics
    assert "market_assets_watch_up" in httpx.get(metrics[1], trust_env=False).text
    health = re.search(r"Health\s+(http://\S+)", said)
    assert health
    assert "status" in httpx.get(health[1], trust_env=False).json()
    assert re.search(r"Partitions\s+\S+/assets/raw/binance_ohlcv\?", said)
    url = re.search(r"Dagster UI\s+(http://\S+)", said)
    assert url
    assert httpx.get(f"{url[1]}/server_info", trust_env=False).is_success
    # Dagster has no login, nor have the others: nobody else on the network may reach them.
    listened = listening(demo.state)
    assert {address for address, _ in listened} == {"127.0.0.1"}
    told = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", said)}
    assert {port for _, port in listened} > told, "UI, docs, metrics, simulator; the code server"

    demo.output = demo.folder / "second.txt"
    assert demo.start().wait(60) == 7
    assert f"already running in {demo.state}" in demo.said()
    assert url[1] in demo.said()

    began = time.monotonic()
    interrupt(first)
    assert first.wait(30) == 0
    assert time.monotonic() - began < 15
    assert not leftovers(demo.state)
    assert not (demo.state / "stack.json").exists()

    demo.output = demo.folder / "third.txt"
    third = demo.start("--once")
    assert third.wait(200) == 0, demo.said()
    assert "are already there" in demo.said() or "147 of 147" in demo.said()
    assert TABLE.search(demo.said())
    assert not leftovers(demo.state)
