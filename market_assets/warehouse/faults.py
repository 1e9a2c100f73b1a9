"""What DuckDB, SQLite and the operating system say, as errors of our own tree."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from market_assets.errors import (
    MarketAssetsError,
    NothingStored,
    RequestInvalid,
    WarehouseBusy,
    WarehouseDamaged,
    WarehouseUnwritable,
)

_CONTENDED = ("locked", "conflict", "database is busy")
_FULL = (
    "no space left",
    "database or disk is full",
    "disk quota exceeded",
    "file too large",
    "could not write",
    # SQLite's words for a write or a shared-memory mapping that failed: in practice a full disk
    "disk i/o error",
)
_FORBIDDEN = (
    "read-only file system",
    "readonly database",
    "permission denied",
    "operation not permitted",
    # SQLite's words when it may not make its log beside the catalog
    "unable to open database file",
)
_DAMAGED = (
    "malformed",
    "not a database",
    "file is encrypted",
    "creating a new ducklake is explicitly disabled",
    "no magic bytes",
    "too small to be a parquet file",
    "no such file or directory",
    "failed to probe ducklake",
    "corrupt",
    "invalid tprotocol",
)
# DuckLake's word for a catalog that a newer version of it has made or migrated.
_NEWER = "catalog version mismatch"
_FULL_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN_CODES = (errno.EACCES, errno.EPERM, errno.EROFS)


class NoSuchTable(Exception):
    """A table that is not there, in words that are no engine's: often that is an empty answer."""


def no_such_table() -> tuple[type[Exception], ...]:
    """What the engines raise for a table that is not there."""
    import duckdb

    return duckdb.CatalogException, NoSuchTable


def is_contention(error: BaseException) -> bool:
    """Another transaction was in the way: the same transaction can succeed in a moment."""
    said = str(error).lower()
    return any(word in said for word in _CONTENDED) and not any(word in said for word in _FULL)


def explained(error: BaseException, doing: str, root: Path) -> MarketAssetsError | None:
    """The error for people, or None when this is not the store's trouble but a bug of ours."""
    said = str(error).lower()
    code = error.errno if isinstance(error, OSError) else None
    if code in _FULL_CODES or any(word in said for word in _FULL):
        return unwritable_full(error, doing, root)
    if code in _FORBIDDEN_CODES or any(word in said for word in _FORBIDDEN):
        return WarehouseUnwritable(
            doing,
            f"the folder {root} cannot be written: {_first_line(error)}",
            f"Give this user write access to {root} (and remount it if it is mounted read-only),"
            " or set another warehouse path; then run the same command again.",
        )
    if _NEWER in said:
        return WarehouseDamaged(
            doing,
            f"another version of DuckLake wrote {root}: {_first_line(error)}",
            "Use the version of market-assets that wrote it, or restore a backup of before.",
        )
    if any(word in said for word in _DAMAGED):
        return damaged(_first_line(error), doing, root)
    return None


def unwritable_full(error: BaseException, doing: str, root: Path) -> WarehouseUnwritable:
    free = shutil.disk_usage(root if root.exists() else root.parent).free
    return WarehouseUnwritable(
        doing,
        f"no space to write in {root} ({free / 1e6:,.1f} MB free): {_first_line(error)}",
        "Nothing was lost: the transaction was rolled back. Free some space"
        " (or run maintenance with retention), then run the same command again.",
        free_bytes=free,
    )


def damaged(problem: str, doing: str, root: Path) -> WarehouseDamaged:
    return WarehouseDamaged(
        doing,
        # The folder comes last: an alert's one line is cut, and must still say what is wrong.
        f"the warehouse is damaged or not a warehouse: {problem} (in {root})",
        "Restore it from a backup, or move the folder away and ingest again.",
    )


def busy(error: BaseException, doing: str, root: Path, waited_seconds: float) -> WarehouseBusy:
    return WarehouseBusy(
        doing,
        f"the catalog of {root} was locked by others for {waited_seconds:.0f} s:"
        f" {_first_line(error)}",
        "Nothing was stored: run the same command again when the other writer (dbt?) is done.",
    )


def sql_refused(error: BaseException) -> RequestInvalid:
    said = str(error)
    action = "Correct the statement and run it again."
    if 'schema "marts" does not exist' in said:
        action = "Run `market-assets build` first: it makes the marts."
    elif "does not exist" in said:
        action += ' `market-assets query "show all tables"` lists what there is.'
    return RequestInvalid("Running SQL on the warehouse", said, action)


def nothing_here(root: Path) -> NothingStored:
    return NothingStored(
        f"Opening the warehouse at {root}",
        "nothing is ingested yet: there is no catalog in that folder",
        "Run `market-assets ingest ...` first, or set the warehouse path to where the data is.",
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
