"""Dagster's run records in a backup: its SQLite files, or a dump of its Postgres."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from market_assets.errors import ProcessDied, RequestInvalid
from market_assets.settings import load_secrets
from market_assets.settings.orchestration import PASSWORD_SECRET
from market_assets.warehouse.databases import copy_databases, restore_databases

if TYPE_CHECKING:
    from market_assets.settings import Settings

DUMP: Final = "dagster.dump"
_CHECKSUM: Final = "dagster.dump.sha256"
_LINES: Final = 15
# Somebody who is still connected holds locks; waiting for ever would look like work.
_LOCK_SECONDS: Final = 10
_TABLES: Final = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def back_up_run_records(settings: Settings, home: Path, target: Path) -> str:
    """Copy them into the new folder `target` while they are in use; what was copied, in words."""
    if settings.dagster.storage == "sqlite":
        return f"{len(copy_databases(home, target)) if home.exists() else 0} databases"
    doing = f"Copying Dagster's Postgres to {target}"
    if target.exists() and any(target.iterdir()):
        raise RequestInvalid(doing, f"{target} exists already", "Name a new folder.")
    target.mkdir(parents=True, exist_ok=True)
    dump = target / DUMP
    draft = dump.with_suffix(".tmp")
    # One snapshot of all tables, whoever writes meanwhile.
    _run(settings, doing, "pg_dump", "--format=custom", "--no-owner", f"--file={draft}")
    (target / _CHECKSUM).write_text(_checksum(draft) + "\n", encoding="utf-8")
    draft.replace(dump)
    return f"{dump.stat().st_size / 1e6:.1f} MB of Postgres"


def restore_run_records(settings: Settings, source: Path, home: Path, *, force: bool) -> str:
    """Put them in the place of what is there. Nothing of Dagster may be running."""
    dump = source / DUMP
    doing = f"Restoring Dagster's run records from {source}"
    if settings.dagster.storage == "sqlite":
        if dump.exists():
            raise _other(doing, "a dump of Postgres", "dagster.storage: postgres")
        return f"{len(restore_databases(source, home, force=force))} databases"
    if not dump.exists():
        raise _other(doing, "no dump of Postgres", "dagster.storage: sqlite")
    if (source / _CHECKSUM).read_text(encoding="utf-8").strip() != _checksum(dump):
        raise RequestInvalid(
            doing,
            f"{dump} is not what was written: its checksum differs",
            "Take another backup.",
        )
    if not force and _run(settings, doing, "psql", "-qtAc", _TABLES).strip() != "0":
        raise RequestInvalid(
            doing,
            f"the database {settings.dagster.postgres.database} has tables already",
            "Use force to replace what is there.",
        )
    # As SQL it is ten times as large: beside the other state, which has room, and not in the
    # backup, which may be read-only. A pipe that breaks would look like an end.
    room = settings.state_dir if settings.state_dir.is_dir() else None
    with tempfile.TemporaryDirectory(dir=room) as folder:
        plain = Path(folder) / "dagster.sql"
        _run(settings, doing, "pg_restore", "--no-owner", f"--file={plain}", str(dump), alone=True)
        # All of it or nothing: until the last line is read, what was there is there.
        _run(
            settings,
            doing,
            *("psql", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"),
            *("--command=DROP SCHEMA public CASCADE", "--command=CREATE SCHEMA public"),
            f"--file={plain}",
        )
    return f"{dump.stat().st_size / 1e6:.1f} MB of Postgres"


def _run(settings: Settings, doing: str, program: str, *options: str, alone: bool = False) -> str:
    """One of Postgres' own programs; `alone` is one that needs no server."""
    postgres = settings.dagster.postgres
    password = load_secrets().require(PASSWORD_SECRET, doing=doing)
    server = (
        f"--host={postgres.host}",
        f"--port={postgres.port}",
        f"--username={postgres.user}",
        f"--dbname={postgres.database}",
        "--no-password",
    )
    try:
        done = subprocess.run(
            [program, *(() if alone else server), *options],
            # The password by the environment: others can read a command line.
            env={
                **os.environ,
                "PGPASSWORD": password,
                "PGSSLMODE": postgres.sslmode,
                "PGOPTIONS": f"-c lock_timeout={_LOCK_SECONDS}s -c client_min_messages=warning",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProcessDied(
            doing,
            f"{program} is not installed here",
            "Install the client programs of Postgres (Debian: postgresql-client), as new as the"
            " server or newer",
        ) from error
    if done.returncode:
        said = "\n".join(done.stderr.replace(password, "***").splitlines()[-_LINES:])
        raise ProcessDied(
            doing,
            f"{program} ended with exit code {done.returncode}:\n{said}",
            f"Is Postgres there at {postgres.host}:{postgres.port}? To restore, stop everything"
            " that uses it first",
        )
    return done.stdout


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _other(doing: str, found: str, needed: str) -> RequestInvalid:
    return RequestInvalid(
        doing, f"there is {found} in it", f"It was taken with {needed}: restore it with that"
    )
