"""Find and end all processes of a stack, however deep, in whatever session, orphaned or not.

Dagster's run workers are grandchildren that outlive their parents, so neither process groups nor
"the children of" find them all. Every process of a stack inherits a mark in its environment;
the operating system shows it for as long as the process lives.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "MARKET_STACK_MARK"
_SEPARATOR = "::"

FindProcesses = Callable[[], list[psutil.Process]]


def new_mark(state: Path) -> str:
    """Starts with the state folder (whose stack it is), and differs for each start."""
    return f"{state.resolve()}{_SEPARATOR}{uuid.uuid4().hex[:12]}"


def marked(mark: str) -> list[psutil.Process]:
    """The living processes of exactly this start."""
    return [process for process, found in _marks() if found == mark]


def leftovers(state: Path) -> list[psutil.Process]:
    """The living processes of any earlier start in this state folder."""
    prefix = f"{state.resolve()}{_SEPARATOR}"
    return [process for process, found in _marks() if found.startswith(prefix)]


def stop_marked(mark: str, *, grace_seconds: float) -> int:
    """End every process of this start, politely first. Returns how many there were."""
    return stop(lambda: marked(mark), grace_seconds=grace_seconds)


def stop(find: FindProcesses, *, grace_seconds: float) -> int:
    """End what `find` finds, again and again, because a dying process may have started one more."""
    seen: set[int] = set()
    until = time.monotonic() + grace_seconds
    told: set[int] = set()
    while processes := find():
        seen |= {process.pid for process in processes}
        late = time.monotonic() > until
        for process in processes:
            with suppress(psutil.Error):
                if late:
                    process.kill()
                elif process.pid not in told:
                    process.terminate()
        told |= {process.pid for process in processes}
        _wait(processes, 0.5 if late else 0.1)
    return len(seen)


def _wait(processes: Iterable[psutil.Process], seconds: float) -> None:
    # Children of ours are reaped here; without that they stay visible as zombies.
    psutil.wait_procs(list(processes), timeout=seconds)


def _marks() -> list[tuple[psutil.Process, str]]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            mark = process.environ().get(MARK)
            if mark and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process, mark))
    return found
