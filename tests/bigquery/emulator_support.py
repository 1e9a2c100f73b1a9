"""A BigQuery on loopback for tests: local-bigquery in a process of its own, and Google's client."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud import bigquery

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = REPOSITORY / ".venv-bigquery"
PYTHON = ENVIRONMENT / "bin" / "python"
SERVER = Path(__file__).parent / "emulator" / "server.py"
PROJECT = "emulated-project"
ANALYSER = Path(__file__).parent / "googlesql" / "analyse.py"
STOP_SECONDS = 5.0
MISSING = (
    f"The BigQuery emulator is not installed under {ENVIRONMENT.name}: nothing about the BigQuery"
    " engine can be shown without it, so this is a failure and not a skip.\n"
    "  -> Run: make test-system"
)


@dataclass(frozen=True)
class RunningEmulator:
    """One server for all tests of a session; each test takes a `place` of its own in it."""

    process: subprocess.Popen[str]
    api_endpoint: str
    storage_endpoint: str
    # One line of JSON for each kind of statement that ran.
    statements: Path

    def place(self, name: str) -> EmulatedBigQuery:
        prefix = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]
        return EmulatedBigQuery(self.api_endpoint, self.storage_endpoint, PROJECT, f"{prefix}_")


@dataclass(frozen=True)
class EmulatedBigQuery:
    """Where a test's datasets live: nobody else's begin with its prefix."""

    api_endpoint: str
    storage_endpoint: str
    project: str
    prefix: str

    def client(self) -> bigquery.Client:
        """Google's own client, as the platform has it, without credentials."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(
            project=self.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.api_endpoint},
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a statement in GoogleSQL answers."""
        client = self.client()
        try:
            return [tuple(row.values()) for row in client.query_and_wait(sql)]
        finally:
            client.close()


@contextmanager
def running_emulator(folder: Path) -> Iterator[RunningEmulator]:
    """Starts one that keeps its data in `folder`, waits for it, ends it with the block."""
    if not (ENVIRONMENT / "installed").exists():
        raise RuntimeError(MISSING)
    log = folder / "emulator.log"
    command = [
        str(PYTHON), str(SERVER), "--data-dir", str(folder / "data"),
        "--project", PROJECT, "--parent", str(os.getpid()),
    ]  # fmt: skip
    # The home folder holds DuckDB's extensions; nothing of ours may steer the other Python.
    environment = {"HOME": str(ENVIRONMENT / "home"), "PATH": os.defpath, "TZ": "UTC"}
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the BigQuery emulator did not start:\n{log.read_text()}")
            where = json.loads(line)
            statements = folder / "statements.jsonl"
            yield RunningEmulator(process, where["rest"], where["grpc"], statements)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def judged(lines: Iterable[str]) -> list[dict[str, str]]:
    """What Google's analyser finds wrong with statements, as the emulator notes them."""
    given = list(lines)
    asked = subprocess.run(
        [str(PYTHON), str(ANALYSER)],
        input="\n".join(given),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise RuntimeError(f"the GoogleSQL analyser did not run:\n{asked.stderr}")
    found = json.loads(asked.stdout)
    assert found["judged"] == len(given)
    faults: list[dict[str, str]] = found["faults"]
    return faults
