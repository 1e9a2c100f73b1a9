"""The newest snapshot, parsed again only when its file was replaced."""

from __future__ import annotations

import threading
from pathlib import Path

from market_assets.watch.snapshot import Snapshot, read_snapshot, snapshot_file


class LastLook:
    """Reads one state folder for all requests."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._snapshot: Snapshot | None = None

    def read(self) -> Snapshot | None:
        """None when nobody has looked yet, or the file is none of ours."""
        with self._lock:
            try:
                found = snapshot_file(self._state).stat()
            except OSError:
                self._seen = self._snapshot = None
                return None
            # A replaced file is another inode: two writes within a tick of the clock differ too.
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self._seen:
                self._snapshot = read_snapshot(self._state)
                self._seen = seen
            return self._snapshot
