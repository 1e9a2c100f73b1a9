"""The BigQuery emulator as a process of its own, run by .venv-bigquery's Python.

    server.py --data-dir DIR --project P --parent PID

One line on stdout says where it listens. It ends with its parent, also when that was killed and
could not say goodbye: its parent's number changes then.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import threading
import time
from pathlib import Path

WATCH_SECONDS = 0.5
HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--parent", type=int, required=True)
    given = parser.parse_args()
    threading.Thread(target=end_with, args=(given.parent,), daemon=True).start()

    import uvicorn
    from gaps import fill_gaps
    from local_bigquery.grpc import server
    from local_bigquery.settings import settings

    settings.data_dir = given.data_dir
    settings.default_project_id = given.project
    fill_gaps(given.data_dir.parent / "statements.jsonl")
    from local_bigquery import app
    from local_bigquery.engine import database

    # Tiny queries, two cores and many tests: DuckDB's own threads only take turns.
    database.connection().execute("SET threads = 1")
    _, grpc_port = server.start(HOST, 0)
    listening = socket.create_server((HOST, 0), backlog=128)
    rest_port = listening.getsockname()[1]
    print(
        json.dumps({"rest": f"http://{HOST}:{rest_port}", "grpc": f"{HOST}:{grpc_port}"}),
        flush=True,
    )
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


def end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main()
