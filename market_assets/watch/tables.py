"""The disk that the tables are on."""

from __future__ import annotations

import shutil
from pathlib import Path


def disk_space(folder: Path) -> tuple[int, int]:
    """Bytes free for us and bytes in all, of the disk that holds the folder or will hold it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total
