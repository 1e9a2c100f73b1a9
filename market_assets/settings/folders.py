"""A folder of ours that cannot be used, as one message: a file in its place, read-only, full."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from market_assets.errors import FolderUnusable

# Of SQLite's codes the low byte is the kind; the bytes above it say more.
_KIND = 0xFF
_FULL = (errno.ENOSPC, errno.EDQUOT)
# A write or a shared-memory mapping that failed: in practice a full disk.
_FULL_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_FORBIDDEN_SQLITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_NO_FOLDER = (errno.EEXIST, errno.ENOTDIR)
_ELSEWHERE = "set another state_dir (MARKET_ASSETS_STATE_DIR)"


@contextmanager
def in_use(folder: Path, doing: str) -> Iterator[None]:
    """Within the block, trouble with `folder` is one clear error."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if found := unusable(error, doing, folder):
            raise found from error
        raise


def unusable(error: OSError | sqlite3.Error, doing: str, folder: Path) -> FolderUnusable | None:
    """The error for people, or None when the cause is no folder."""
    code = getattr(error, "errno", None)
    kind = getattr(error, "sqlite_errorcode", 0) & _KIND
    named = getattr(error, "filename", None)
    place = Path(named) if isinstance(named, str) else folder
    if code in _FULL or kind in _FULL_SQLITE:
        return FolderUnusable(
            doing,
            f"no space is left in {folder}",
            "Free some space there; what is stored stays. Then run the same command again",
        )
    if code in _FORBIDDEN or kind in _FORBIDDEN_SQLITE:
        return FolderUnusable(
            doing,
            f"{place} cannot be written: {_said(error)}",
            f"Give this user write access to it (and remount it if it is mounted read-only),"
            f" or {_ELSEWHERE}",
        )
    if code in _NO_FOLDER:
        return FolderUnusable(
            doing,
            f"{_file_in_the_way(place)} is a file where a folder should be",
            f"Move the file away, or {_ELSEWHERE}",
        )
    return None


def _said(error: OSError | sqlite3.Error) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _file_in_the_way(place: Path) -> Path:
    """What is not a folder may be above the one that could not be made."""
    return next((at for at in (place, *place.parents) if at.is_file()), place)
