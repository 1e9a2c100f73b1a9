"""One stack for each state folder: the second start learns where the first one is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from market_assets.errors import StackRunning
from market_assets.stack.layout import Layout


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Holds the folder's lock; the operating system lets go of it even after kill -9."""
    lock = FileLock(layout.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _running(layout) from None
    try:
        yield
    finally:
        layout.info.unlink(missing_ok=True)
        lock.release()


def publish(layout: Layout, **facts: object) -> None:
    """Say who runs and where; replaced as a whole, so that a reader never sees half of it."""
    draft = layout.info.with_suffix(".tmp")
    draft.write_text(json.dumps({"pid": os.getpid(), **facts}), encoding="utf-8")
    draft.replace(layout.info)


def published(layout: Layout) -> dict[str, Any]:
    try:
        facts = json.loads(layout.info.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _running(layout: Layout) -> StackRunning:
    facts = published(layout)
    url, pid = facts.get("url"), facts.get("pid")
    where = f"its UI is at {url}" if url else "it is still starting"
    return StackRunning(
        "Starting",
        f"one is already running in {layout.state} (process {pid or 'unknown'}): {where}",
        "Open that, or stop it with Ctrl-C in its terminal" + (f" (or: kill {pid})" if pid else ""),
        **facts,
    )
