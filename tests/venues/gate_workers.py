"""What the processes of the gate's tests do: a module, because they import it by name."""

from __future__ import annotations

import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from market_assets.venues._gate import Gate
from market_assets.venues.contract import Bucket

WIDE = Bucket("weight", 100_000, 60.0)


def spend_all_day(path: Path, ready: Barrier, results: Queue[list[tuple[float, float]]]) -> None:
    """A process that asks as fast as it can; reports when it asked and when it was let in."""
    gate = Gate(path, "binance", [Bucket("weight", 40, 1.0)])
    sent = []
    ready.wait()
    until = time.time() + 3.0
    while time.time() < until:
        asked = time.time()
        wait = gate.enter([("weight", 3)])
        if wait is None:
            sent.append((asked, time.time()))
            time.sleep(0.02)  # a request takes a moment: meanwhile it is the others' turn
        else:
            time.sleep(min(wait.seconds, 0.05))
    gate.close()
    results.put(sent)


def tell_of_a_ban(path: Path, until: float) -> None:
    gate = Gate(path, "binance", [WIDE])
    gate.paused(until, "HTTP 418: banned this address")
    gate.close()
