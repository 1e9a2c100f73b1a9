"""Consistent copies of a folder of SQLite databases that are in use: Dagster's own storage.

It is no part of the warehouse, but a backup of the one without the other tells half of the story.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from market_assets.errors import RequestInvalid

_DATABASES = (".db", ".sqlite")
_BESIDE = ("-wal", "-shm", "-journal")


def copy_databases(home: Path, target: Path) -> list[str]:
    """Copy every database under `home` into the new folder `target`; the names that were copied.

    SQLite's own backup is used: a copy is consistent whoever writes meanwhile.
    """
    if target.exists() and any(target.iterdir()):
        raise RequestInvalid(
            f"Copying {home} to {target}", f"{target} exists already", "Name a new folder."
        )
    copied = []
    for source in _databases(home):
        if target in source.parents:
            continue
        name = source.relative_to(home)
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
        copied.append(str(name))
    return copied


def restore_databases(source: Path, home: Path, *, force: bool = False) -> list[str]:
    """Put copied databases in the place of those under `home`. Nothing may be using them.

    Databases that the copy does not know (later runs) are removed: they would point nowhere.
    """
    doing = f"Restoring {home} from {source}"
    names = [file.relative_to(source) for file in _databases(source)]
    if not names:
        raise RequestInvalid(doing, "there is no database in it", "Name a folder of a backup.")
    old = list(_databases(home)) if home.exists() else []
    if old and not force:
        raise RequestInvalid(
            doing, "there are databases already", "Use force to replace what is there."
        )
    for file in old:
        for suffix in ("", *_BESIDE):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, home / name)
    return [str(name) for name in names]


def _databases(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.suffix in _DATABASES)
