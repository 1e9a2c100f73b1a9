"""The writers' lock of a warehouse: one writing process at a time, readers not concerned.

The lock is correctness, not only speed: two first writes of the same window delete nothing, so the
lake sees no conflict and would keep both. A killed process frees it, because the kernel does.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from market_assets.errors import WarehouseBusy

_POLL_SECONDS = 0.02


@contextlib.contextmanager
def writer_lock(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock file `path`; raise `WarehouseBusy` when another holds it for too long."""
    import filelock

    # Taken in one thread and given back in another: dbt's plugin does that.
    lock = filelock.FileLock(
        path, timeout=timeout_seconds, poll_interval=_POLL_SECONDS, thread_local=False
    )
    try:
        lock.acquire()
    except filelock.Timeout:
        raise _busy(path, timeout_seconds) from None
    try:
        _sign(path)
        yield
    finally:
        lock.release()


def holder(path: Path) -> dict[str, object]:
    """Who wrote its name into the lock file last: pid and since when; empty when nobody did."""
    try:
        signed = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return signed if isinstance(signed, dict) else {}


def _sign(path: Path) -> None:
    # The signature is for people. A full disk may cost it, never the lock.
    with contextlib.suppress(OSError):
        path.write_text(json.dumps({"pid": os.getpid(), "since": f"{datetime.now(UTC):%FT%TZ}"}))


def _busy(path: Path, timeout_seconds: float) -> WarehouseBusy:
    signed = holder(path)
    pid = signed.get("pid", "unknown")
    return WarehouseBusy(
        f"Waiting to write to the warehouse at {path.parent}",
        f"process {pid} has held {path.name} since {signed.get('since', 'an unknown time')};"
        f" gave up after {timeout_seconds:g} s",
        f"Wait until that run is done, or look at it (ps -p {pid}) and stop it:"
        " the lock is freed when its process ends, and nothing is lost by asking again.",
        pid=pid,
    )
