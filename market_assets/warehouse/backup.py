"""Copies of the whole store: taken while it is in use, verified, and put back atomically."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from market_assets.errors import RequestInvalid, WarehouseBusy, WarehouseDamaged
from market_assets.warehouse import faults
from market_assets.warehouse.catalog import copy_catalog, leave_log_mode, remove_catalog
from market_assets.warehouse.layout import Layout
from market_assets.warehouse.session import Session
from market_assets.warehouse.sql import CATALOG

MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of a backup, by its path inside it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup consists of. A file that differs from it is not restored."""

    format: int
    created_at: str
    source: str
    files: tuple[CopiedFile, ...]

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def counts(self) -> dict[str, int]:
        return {"warehouse_files": len(self.files), "warehouse_bytes": self.total_bytes}

    @property
    def in_words(self) -> str:
        return f"{len(self.files)} files, {self.total_bytes / 1e6:.1f} MB"


def back_up(session: Session, target: Path) -> Manifest:
    """Copy catalog and data into `target`, which appears when it is complete.

    Under the writer lock: maintenance must not remove a file between the catalog and its copy.
    Commits of others (dbt) may go on, files never change once they are written.
    """
    doing = f"Backing up {session.layout.root} to {target}"
    refuse_unless_new(doing, target)
    draft = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with session.locked(doing):
            if not session.layout.exists:
                raise faults.nothing_here(session.layout.root)
            draft.mkdir(parents=True)
            copied = Layout(draft)
            copy_catalog(session.layout.catalog, copied.catalog)
            files = [_described(copied.catalog, draft)]
            for name in referenced_files(copied.catalog):
                source, copy = session.layout.data / name, copied.data / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                files.append(_described(copy, draft))
            copied.data.mkdir(exist_ok=True)
            manifest = Manifest(
                _FORMAT, datetime.now(UTC).isoformat(), str(session.layout.root), tuple(files)
            )
            (draft / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1))
            if target.exists():
                target.rmdir()  # it is empty, as checked
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def restore(session: Session, source: Path, *, force: bool) -> Manifest:
    """Put a backup in the place of the store.

    The data files go beside the old ones (their names are unique), then one rename swaps the
    catalog: a crash leaves the old store or the new one.
    """
    layout = session.layout
    doing = f"Restoring {layout.root} from {source}"
    manifest = verify(source)
    session.close()
    with session.locked(doing):
        if not force and _holds_data(session, doing):
            raise RequestInvalid(
                doing,
                "there is data in the warehouse already",
                "Restore into another folder, or use force to replace what is there.",
            )
        backup = Layout(source)
        names = {file.path for file in manifest.files}
        for name in sorted(names - {backup.catalog.name}):
            _put(source / name, layout.root / name)
        draft = layout.root / "catalog.restored.sqlite"
        remove_catalog(draft)
        copy_catalog(backup.catalog, draft)
        _move_home(draft, layout)
        _retire_log(layout, doing)
        draft.replace(layout.catalog)
        for file in list(_files_under(layout.data)):
            if str(file.relative_to(layout.root)) not in names:
                file.unlink()
    return manifest


def restore_into(path: Path, source: Path, *, force: bool = False) -> Manifest:
    """As `restore`, for a store that is too damaged to be opened."""
    session = Session(Layout(path.absolute()), lock_timeout_seconds=120, read_only=False)
    return restore(session, source.absolute(), force=force)


def verify(source: Path) -> Manifest:
    """The manifest of a backup whose every file is what it was, or `WarehouseDamaged`."""
    doing = f"Verifying the backup {source}"
    try:
        said = json.loads((source / MANIFEST).read_text())
        manifest = Manifest(
            said["format"],
            said["created_at"],
            said["source"],
            tuple(CopiedFile(**file) for file in said["files"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestInvalid(
            doing,
            f"there is no readable {MANIFEST}: {error}",
            "Name a folder that `backup` wrote.",
        ) from error
    if manifest.format != _FORMAT:
        raise RequestInvalid(
            doing,
            f"its format is {manifest.format}, this version reads {_FORMAT}",
            "Restore it with the version that wrote it.",
        )
    wrong = [file.path for file in manifest.files if not _is_as_described(file, source)]
    if wrong:
        raise WarehouseDamaged(
            doing,
            f"{len(wrong)} of {len(manifest.files)} files are missing or changed,"
            f" the first is {wrong[0]}",
            "Nothing was restored. Use another backup.",
            files=wrong,
        )
    return manifest


def referenced_files(catalog: Path) -> list[str]:
    """Every data file that some snapshot needs, by its path inside the data folder."""
    with contextlib.closing(sqlite3.connect(catalog)) as connection:
        tables = (
            "SELECT t.table_id, t.path_is_relative AND s.path_is_relative AS inside,"
            " s.path || t.path AS folder FROM ducklake_table t"
            " JOIN ducklake_schema s ON s.schema_id = t.schema_id"
        )
        rows = connection.execute(
            f"SELECT DISTINCT t.folder || f.path, t.inside AND f.path_is_relative FROM ({tables}) t"
            " JOIN (SELECT table_id, path, path_is_relative FROM ducklake_data_file UNION ALL"
            " SELECT table_id, path, path_is_relative FROM ducklake_delete_file) f"
            " ON f.table_id = t.table_id ORDER BY 1"
        ).fetchall()
    outside = [path for path, inside in rows if not inside]
    if outside:
        raise RequestInvalid(
            "Listing the warehouse's files",
            f"{len(outside)} files lie outside of its folder: {outside[0]}",
            "Copy such tables into the warehouse (CREATE TABLE ... AS), then back up.",
        )
    return [path for path, _ in rows]


def _move_home(catalog: Path, layout: Layout) -> None:
    """Tell the catalog where it lives now, for those who attach it without our settings."""
    with contextlib.closing(sqlite3.connect(catalog)) as connection:
        connection.execute(
            "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path' AND scope IS NULL",
            (f"{layout.data}/",),
        )
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL").fetchall()


def _retire_log(layout: Layout, doing: str) -> None:
    """Make sure that no log and no open connection of the old catalog outlives it."""
    if layout.exists and not leave_log_mode(layout.catalog):
        raise WarehouseBusy(
            doing,
            "somebody is reading or writing the warehouse right now",
            "Stop runs, dashboards and notebooks that use it, then restore again.",
        )
    for suffix in ("-wal", "-shm"):
        layout.catalog.with_name(layout.catalog.name + suffix).unlink(missing_ok=True)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".partial")
    shutil.copyfile(source, draft)
    draft.replace(target)


def _holds_data(session: Session, doing: str) -> bool:
    if not session.layout.exists:
        return False
    try:
        with session.reading(doing) as cursor:
            [(files,)] = cursor.execute(
                f"SELECT count(*) FROM {CATALOG}.ducklake_data_file WHERE end_snapshot IS NULL"
            ).fetchall()
    except WarehouseDamaged:
        return True  # nobody can tell, so it is not ours to overwrite
    finally:
        session.close()
    return bool(files)


def refuse_unless_new(doing: str, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RequestInvalid(doing, f"{target} exists already", "Name a new folder.")


def _described(file: Path, root: Path) -> CopiedFile:
    return CopiedFile(str(file.relative_to(root)), file.stat().st_size, _sha256(file))


def _is_as_described(file: CopiedFile, root: Path) -> bool:
    path = root / file.path
    # A manifest could name files elsewhere; a backup only ever holds its own.
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        return False
    return path.stat().st_size == file.size and _sha256(path) == file.sha256


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files_under(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
