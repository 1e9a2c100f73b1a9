"""One frozen simulator for the tests that change nothing, and a way to start special ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from market_assets.simulator.process import RunningSimulator, running_simulator

NOW = "2026-03-01T12:34:56Z"
PATHS = {
    "binance": "/fapi/v1/klines",
    "aster": "/fapi/v3/klines",
    "okx": "/api/v5/market/history-candles",
}


class Asker:
    """Asks a running simulator like any client would."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self.simulator = simulator
        self.http = httpx.Client(base_url=simulator.url, timeout=5.0, trust_env=False)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def json(self, path: str, **params: Any) -> Any:
        return self.get(path, **params).json()

    def hours(self, venue: str, symbol: str, start: int, end: int, interval: str = "1h") -> Any:
        """Rows of [start, end) as the venue sends them, oldest first."""
        if venue == "okx":
            bar = interval.replace("h", "H").replace("1d", "1Dutc").replace("12H", "12Hutc")
            found = self.json(
                f"/okx{PATHS[venue]}",
                instId=f"{symbol.removesuffix('USDT')}-USDT-SWAP",
                bar=bar,
                before=start - 1,
                after=end,
                limit=300,
            )
            assert found["code"] == "0", found
            return [[int(row[0]), *row[1:]] for row in reversed(found["data"])]
        return self.json(
            f"/{venue}{PATHS[venue]}",
            symbol=symbol,
            interval=interval,
            startTime=start,
            endTime=end - 1,
            limit=1500,
        )


Start = Callable[..., Asker]

FROZEN: dict[str, Any] = {
    "clock": {"mode": "frozen", "now": NOW},
    "limits": {"enforce": False},
    "faults": {},
}


def running(**config: Any) -> Iterator[Asker]:
    with running_simulator({**FROZEN, **config}) as simulator:
        asker = Asker(simulator)
        yield asker
        asker.http.close()


@pytest.fixture(scope="package")
def calm() -> Iterator[Asker]:
    """Shared by tests that only read: nothing is wrong, time stands at NOW."""
    yield from running()


@pytest.fixture(scope="package")
def gappy() -> Iterator[Asker]:
    """Shared by tests that only read: a quarter of the hours has something, and OKX was out."""
    outage = {"venue": "okx", "start": "2026-02-25T03:30:00Z", "end": "2026-02-25T09:15:00Z"}
    rates = {"no_trade_rate": 0.08, "lost_rate": 0.08, "flat_rate": 0.08}
    yield from running(faults={**rates, "outages": [outage]})


@pytest.fixture(scope="package")
def changeable() -> Iterator[Asker]:
    yield from running()


@pytest.fixture
def start(changeable: Asker) -> Iterator[Start]:
    """`start(faults={...})`: a simulator that only this test sees; limits are off, NOW is now.

    What can be changed while it runs is changed in a shared process; the rest starts a new one.
    """
    with ExitStack() as stack:

        def begin(**config: Any) -> Asker:
            if set(config) <= set(FROZEN):
                changeable.simulator.control(clock=None, limits=None, faults=None)
                changeable.simulator.control(**{**FROZEN, **config}, reset_stats=True)
                return changeable
            asker = Asker(stack.enter_context(running_simulator({**FROZEN, **config})))
            stack.callback(asker.http.close)
            return asker

        yield begin
