"""Room on the disk of a state folder: enough to start, and whether its end was what went wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from market_assets.errors import FolderUnusable, MarketAssetsError

# A demo of nine raw assets took 30 MB until it was up (2026-11-21), and grows with each hour.
DEMO_BYTES = 100 * 10**6
# SQLite and DuckDB fail some pages before the last byte is gone.
_FULL_BYTES = 10**6


def require_room(state: Path, needed: int = DEMO_BYTES) -> None:
    """Before anything is started: a disk that fills later is met in the middle of everything."""
    free = shutil.disk_usage(state).free
    if free < needed:
        raise _no_room("Starting", state, f"a demo needs {needed / 1e6:.0f} MB", free)


@contextmanager
def blaming_a_full_disk(state: Path) -> Iterator[None]:
    """What Dagster's processes say when the disk is full names anything but the disk."""
    try:
        yield
    except (MarketAssetsError, OSError) as error:
        free = shutil.disk_usage(state).free
        if free >= _FULL_BYTES:
            raise
        doing = error.doing if isinstance(error, MarketAssetsError) else "Running the stack"
        raise _no_room(doing, state, "the disk is full", free) from error


def _no_room(doing: str, state: Path, problem: str, free: int) -> FolderUnusable:
    return FolderUnusable(
        doing,
        f"{problem}, and {free / 1e6:.1f} MB are free in {state}",
        "Free some space there, or set another state_dir (MARKET_ASSETS_STATE_DIR);"
        " then start again: what is stored stays",
        free_bytes=free,
    )
