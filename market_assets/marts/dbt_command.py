"""Run one command of dbt: by the server that has imported dbt already, or as a process of our own.

There is a server for as long as a stack runs, and its processes know it by their environment. All
others, and who cannot reach it, start dbt themselves: the same, some seconds later.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from market_assets.marts.dbt_server import BEGUN

SERVER_VARIABLE = "MARKET_DBT_SERVER"
# Importing dbt takes 3 s, on a busy machine 10.
_LATEST_SECONDS = 60.0
_KILLED = -1


def run_dbt(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    told: Callable[[str], None],
    server: str = "",
) -> int:
    """Run a command to its end; `told` gets each line that it prints. Returns its exit status.

    Interrupted, it ends dbt, which must not go on writing without us.
    """
    asked = {
        "folder": str(folder),
        "arguments": list(arguments),
        "environment": dict(environment),
        "directory": str(Path.cwd()),
    }
    with ExitStack() as held:
        begun = _begun(server, asked, held) if server else None
        if begun is None:
            return _run_alone(folder, arguments, environment, told)
        connection, output = begun
        try:
            for line in output:
                told(line.rstrip())
        except BaseException:
            connection.shutdown(socket.SHUT_RDWR)
            output.read()  # until it is gone
            raise
        status = connection.recv(1)
        return status[0] if status else _KILLED


def _begun(
    server: str, asked: Mapping[str, object], held: ExitStack
) -> tuple[socket.socket, IO[str]] | None:
    """The connection and dbt's output, once the server has begun; nothing if it does not."""
    with ExitStack() as opened:
        connection = opened.enter_context(socket.socket(socket.AF_UNIX))
        connection.settimeout(_LATEST_SECONDS)
        reading, writing = os.pipe()
        output = opened.enter_context(os.fdopen(reading))
        try:
            connection.connect(server)
            socket.send_fds(connection, [b"\n"], [writing])
            connection.sendall(json.dumps(asked).encode() + b"\n")
            answer = connection.recv(1)
        except OSError:
            return None
        finally:
            os.close(writing)
        if answer != BEGUN:
            return None
        connection.settimeout(None)
        held.push(opened.pop_all())
        return connection, output
    return None


def _run_alone(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    told: Callable[[str], None],
) -> int:
    command = [sys.executable, "-m", "market_assets.marts.dbt_process", str(folder), *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                told(line.rstrip())
        except BaseException:
            process.terminate()
            raise
    return process.returncode
