"""A Postgres of a test's own: Debian's binaries, a folder in /tmp, a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from market_assets.stack import ports

# Debian keeps each major version in a folder of its own, and only its clients on PATH.
_INSTALLED = sorted(
    Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda p: int(p.parent.name)
)
BINARIES = _INSTALLED[-1] if _INSTALLED else Path(shutil.which("initdb") or "/no/initdb").parent


@dataclass(frozen=True)
class Cluster:
    """A running server with one database and its owner, both called dagster as in compose.yaml."""

    folder: Path
    port: int
    password: str

    def restart(self) -> None:
        """As an upgrade of the server's package does it: connections are cut off."""
        self._control("restart")

    def start(self) -> None:
        self._control("start")

    def stop(self, mode: str = "fast") -> None:
        self._control("stop", mode)

    def run(self, program: str, *arguments: str, user: str = "dagster") -> str:
        """One of Postgres' own programs against this server."""
        command = [str(BINARIES / program), "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(
            [*command, f"--username={user}", *arguments],
            env={"PGPASSWORD": self.password, "PATH": os.environ["PATH"]},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def _control(self, what: str, mode: str = "fast") -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _as_server(
            *(BINARIES / "pg_ctl", "--wait", f"--pgdata={self.folder / 'data'}"),
            *(f"--log={self.folder / 'log'}", f"--mode={mode}", f"--options={options}", what),
        )


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    if not (BINARIES / "initdb").exists():
        pytest.fail(
            "PostgreSQL is not installed, and Dagster on Postgres is tested for real."
            "\n  -> Run: make test-system (or: apt-get install postgresql)"
        )
    # Not below pytest's folders: those are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="market-postgres-"))
    cluster = Cluster(folder, ports.free_port(), secrets.token_urlsafe(16))
    try:
        if _server_user() is not None:
            shutil.chown(folder, _server_user())
        password = folder / "password"
        password.write_text(cluster.password)
        password.chmod(0o644)
        _as_server(
            *(BINARIES / "initdb", f"--pgdata={folder / 'data'}", "--username=dagster"),
            *("--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--encoding=UTF8"),
            "--data-checksums",
        )
        cluster.start()
        cluster.run("createdb", "dagster")
        yield cluster
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            cluster.stop("immediate")
        shutil.rmtree(folder)


def _server_user() -> str | None:
    """Postgres refuses to run as root: then it runs as the user of Debian's package."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres").pw_name


def _as_server(*command: object) -> None:
    user = _server_user()
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/tmp",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        # A file, not a pipe: the server inherits it and would keep a pipe open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}"
