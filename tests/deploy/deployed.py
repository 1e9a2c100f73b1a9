"""The services of compose.yaml as processes of this machine: its command lines, its environment.

Only what a container would see differently is put in its place: ports, host names, folders.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml
from compose_file import DEPLOY, compose_file
from postgres_cluster import Cluster

from market_assets.stack import ports
from market_assets.stack.dagster_api import DagsterApi
from market_assets.stack.environment import child_environment
from market_assets.stack.layout import CHECKOUT, Layout
from market_assets.stack.processes import leftovers, new_mark, stop

GIVEN = {"IMAGE": "market-assets:test", "SITE_ADDRESS": "localhost", "TLS": "internal"}
SECOND = "second_location"
HERE = Path(__file__).parent
# Looks at backfills each second instead of each half minute.
FAST_DAEMON = HERE.parent / "end_to_end" / "fast_daemon.py"


class Deployed:
    """Postgres is there; services are started by name, in the order that compose would take."""

    def __init__(
        self, state: Path, cluster: Cluster, settings: Mapping[str, Any], parsed_marts: Path
    ) -> None:
        self.layout = Layout(state)
        self.parsed_marts = parsed_marts
        self.cluster = cluster
        self.document = compose_file(GIVEN)
        self.mark = new_mark(state)
        self.ports = {"code": ports.free_port(), "second": ports.free_port()}
        self.ports["webserver"] = ports.free_port()
        self.api = DagsterApi(f"http://127.0.0.1:{self.ports['webserver']}")
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.layout.prepare()
        self.secrets = state / "secrets"
        self.secrets.mkdir()
        (self.secrets / "dagster_postgres_password").write_text(cluster.password + "\n")
        self._write_platform("platform.yaml", settings, "binance")
        self._write_platform("second.yaml", settings, "okx")
        self._write_workspace()

    def start(self, service: str, *, second: bool = False) -> None:
        name = "second" if second else service
        command = [self._here(part, second=second) for part in self._command(service)]
        with self.layout.log(name).open("ab") as log:
            self.started[name] = subprocess.Popen(
                [str(DEPLOY / "entrypoint.sh"), *command],
                cwd=CHECKOUT,
                env=self.environment(service, second=second),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """`docker compose exec`: a command beside a service, with its environment."""
        return subprocess.run(
            [str(DEPLOY / "entrypoint.sh"), *command],
            cwd=CHECKOUT,
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self, service: str, *, second: bool = False) -> dict[str, str]:
        told: dict[str, Any] = self.document["services"][service]["environment"]
        platform = "second.yaml" if second else "platform.yaml"
        home = child_environment(self.layout, self.mark)
        return {
            # Of our own environment neither settings nor secrets.
            **{k: v for k, v in home.items() if not k.startswith("MARKET_ASSETS_")},
            **told,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(HERE)]),
            "SECRETS_FOLDER": str(self.secrets),
            # As the image brings it: without, each start would parse for ten seconds.
            "PARSED_FOLDER": str(self.parsed_marts.parent),
            "MARKET_ASSETS_CONFIG": str(self.layout.state / platform),
            "MARKET_ASSETS_STATE_DIR": str(self.layout.state),
            "MARKET_ASSETS_WAREHOUSE__PATH": str(self.layout.state / "warehouse"),
            "MARKET_ASSETS_DAGSTER__POSTGRES__HOST": "127.0.0.1",
            "MARKET_ASSETS_DAGSTER__POSTGRES__PORT": str(self.cluster.port),
            "DAGSTER_CODE_HOST": "127.0.0.1",
            "DAGSTER_CODE_PORT": str(self.ports["code"]),
        }

    def kill(self, name: str) -> None:
        """What a lost container is: it and the runs inside are gone at once."""
        server = self.started.pop(name)
        for inside in (*psutil.Process(server.pid).children(recursive=True), server):
            with contextlib.suppress(psutil.NoSuchProcess):
                inside.kill()
        server.wait()

    def stop(self) -> None:
        stop(lambda: leftovers(self.layout.state), grace_seconds=3)
        for process in self.started.values():
            process.wait(30)
        self.api.close()

    def _command(self, service: str) -> list[str]:
        command: list[str] = self.document["services"][service]["command"]
        if command[0] == "dagster-daemon":
            return [sys.executable, str(FAST_DAEMON), *command[1:]]
        return command

    def _here(self, part: str, *, second: bool) -> str:
        changes = {
            "0.0.0.0": "127.0.0.1",
            "port 4000": f"port {self.ports['second' if second else 'code']}",
            # Compose's way to write one dollar.
            "$$": "$",
            "--port=3000": f"--port={self.ports['webserver']}",
            "/app/deploy/workspace.yaml": str(self.layout.workspace),
        }
        if second:
            changes |= {
                "market_assets.definitions": SECOND,
                "location market_assets": f"location {SECOND}",
                "location-name market_assets": f"location-name {SECOND}",
            }
        for old, new in changes.items():
            part = part.replace(old, new)
        return part

    def _write_platform(self, name: str, settings: Mapping[str, Any], venue: str) -> None:
        venues = {v: {"enabled": v == venue, **o} for v, o in settings["venues"].items()}
        (self.layout.state / name).write_text(yaml.safe_dump({**settings, "venues": venues}))

    def _write_workspace(self) -> None:
        """The one of deploy/, with a second entry as its comment says."""
        document = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())
        second = {"host": "127.0.0.1", "port": self.ports["second"], "location_name": SECOND}
        document["load_from"].append({"grpc_server": second})
        self.layout.workspace.write_text(yaml.safe_dump(document))


@contextmanager
def deployed(
    state: Path, cluster: Cluster, settings: Mapping[str, Any], parsed_marts: Path
) -> Iterator[Deployed]:
    found = Deployed(state, cluster, settings, parsed_marts)
    try:
        yield found
    finally:
        found.stop()
        shutil.rmtree(state, ignore_errors=True)
