"""The simulator as a process of its own, for tests, benchmarks and the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from market_assets.simulator.reading import invalid

_READY: Final = "simulator ready on "
_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_STOP_SECONDS: Final = 5.0
_ASK_SECONDS: Final = 60.0


class RunningSimulator:
    """A simulator that listens; `url` is its root, each venue has a base URL under it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def base_url(self, venue: str) -> str:
        return f"{self.url}/{venue}"

    def truth(self, path: str, **params: object) -> Any:
        """`truth("binance/ohlcv", symbol="BTCUSDT", interval="1h", start=0, end=1)`"""
        query = f"?{urlencode(params)}" if params else ""
        return _ask(f"{self.url}/truth/{path.strip('/')}{query}")

    def control(self, **changes: object) -> Any:
        """`control(clock={"now": "2026-03-01"}, faults={"http_503": 0.1}, reset_stats=True)`"""
        return _ask(f"{self.url}/control", json.dumps(changes).encode())

    def stats(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.truth("stats")
        return found


@contextmanager
def running_simulator(config: Mapping[str, object] | None = None) -> Iterator[RunningSimulator]:
    """Starts one, waits until it listens, and ends it with the block."""
    command = [
        sys.executable, "-m", "market_assets.simulator", "--config", "-",
        "--parent", str(os.getpid()),
    ]  # fmt: skip
    search = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{_REPOSITORY}{os.pathsep}{search}" if search else str(_REPOSITORY),
    }
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield RunningSimulator(process, _started(process, config or {}))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _started(process: subprocess.Popen[str], config: Mapping[str, object]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(config))
    process.stdin.close()
    line = process.stdout.readline().strip()
    if not line.startswith(_READY):
        raise invalid("the simulator", "it did not start; on stderr it says why")
    return line.removeprefix(_READY)


def _ask(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, data=body)
    # Loopback: a proxy of the environment has no business here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ASK_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as problem:
        raise invalid(url, problem.read().decode()) from problem
