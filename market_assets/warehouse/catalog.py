"""Work on the catalog file with SQLite itself, always in a process of its own.

DuckDB brings its own SQLite and has the file open during transactions. When a second SQLite in the
same process closes it, POSIX drops the locks of both: another process could then remove the log
under a commit. So this file is run as a script; it imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

IN_USE = 3


def copy_catalog(source: Path, target: Path) -> None:
    """A consistent copy, whatever the log of `source` holds, standing alone."""
    _run("copy", source, target)


def leave_log_mode(catalog: Path) -> bool:
    """Fold the log into the catalog and remove it; False when a transaction has it open."""
    return _run("alone", catalog, allowed=IN_USE) != IN_USE


def has_log(catalog: Path) -> bool:
    return catalog.with_name(f"{catalog.name}-wal").exists()


def remove_catalog(catalog: Path) -> None:
    """Remove a catalog with its log: a log left behind would be applied to the next file there."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        catalog.with_name(catalog.name + suffix).unlink(missing_ok=True)


def _run(*arguments: object, allowed: int = 0) -> int:
    command = [sys.executable, "-I", str(Path(__file__)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, allowed):
        said = done.stderr.strip().rpartition("\n")[2]
        raise sqlite3.DatabaseError(said)
    return done.returncode


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        # These files are not in the copy, so that nothing is left to clean.
        new.execute("DELETE FROM ducklake_files_scheduled_for_deletion")
        new.commit()
        new.execute("PRAGMA journal_mode = DELETE").fetchall()


def _alone(catalog: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(catalog, timeout=2)) as connection:
            # Leaving WAL mode needs the file for itself, which is just the proof that is wanted.
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return IN_USE
        raise
    except sqlite3.DatabaseError:
        return 0  # too damaged to be opened by anybody: that is what it is replaced for
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "copy":
        _copy(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(_alone(Path(sys.argv[2])))
