"""`python -m market_assets.marts.dbt_server SOCKET`: has imported dbt, and forks for each command.

A fork begins as if dbt had just been imported, has the environment, the folder and the output of
whoever asks, and leaves nothing behind for the next. It ends when whoever asks is gone. dbt is
imported when the first one asks.

The protocol is `dbt_command`'s: a byte with the file descriptor of the output, a line of JSON; the
answers are BEGUN and then the exit status.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

from market_assets.marts import dbt_process

BEGUN = b"+"
_LOOK_SECONDS = 1.0


# What an address holds, less the zero at its end.
_PATH_BYTES = 107


def can_listen(path: Path) -> bool:
    """Where it cannot, every command starts dbt itself.

    Libraries of macOS end a process that was forked and not started anew.
    """
    return sys.platform == "linux" and len(os.fsencode(path)) <= _PATH_BYTES


def main(path: Path) -> int:
    client = _client_of_a_fork(_listening(path))
    with client:
        return _serve(client)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    # Who may connect may run anything as us.
    everybody = os.umask(0o177)
    listener.bind(str(path))
    os.umask(everybody)
    listener.listen()
    listener.settimeout(_LOOK_SECONDS)
    return listener


def _client_of_a_fork(listener: socket.socket) -> socket.socket:
    """Wait for clients for as long as our parent lives. Only forks come back from here."""
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork: the system buries it
    while True:
        try:
            client, _ = listener.accept()
        except TimeoutError:
            if os.getppid() != parent:
                sys.exit(0)
            continue
        try:
            dbt_process.warm_up()
            gc.freeze()  # forks look for their own garbage, not for ours
            is_fork = os.fork() == 0
        except Exception:  # the client, of whom we hang up, runs dbt itself and sees the reason
            traceback.print_exc()
            is_fork = False
        if is_fork:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return client
        client.close()


def _serve(client: socket.socket) -> int:
    _, descriptors, *_ = socket.recv_fds(client, 1, 1)
    with client.makefile("rb") as lines:
        told = lines.readline()
    if not descriptors or not told.endswith(b"\n"):
        return 1  # gone before it had asked
    asked = json.loads(told)
    for stream in (1, 2):
        os.dup2(descriptors[0], stream)
    os.close(descriptors[0])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.chdir(asked["directory"])
    client.sendall(BEGUN)
    threading.Thread(target=_end_with, args=(client,), daemon=True).start()
    status = dbt_process.main(asked["folder"], asked["arguments"])
    client.sendall(bytes([status]))
    return status


def _end_with(client: socket.socket) -> None:
    """Nobody reads any more: dbt must not go on writing. (A client that is content waits for our
    output to end, and that is when we have.)"""
    client.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
