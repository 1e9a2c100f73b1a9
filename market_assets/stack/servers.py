"""The stack's small servers besides Dagster's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from market_assets.stack import ports
from market_assets.stack.child import ChildSpec
from market_assets.stack.layout import Layout


def simulator(layout: Layout, given: Mapping[str, object]) -> ChildSpec:
    """The exchanges of the demo."""
    file = layout.state / "simulator.json"
    file.write_text(json.dumps(dict(given)), encoding="utf-8")
    port = given["port"]
    assert isinstance(port, int)
    command = [
        *(sys.executable, "-m", "market_assets.simulator"),
        *("--config", str(file), "--port", str(port)),
    ]
    return ChildSpec("simulator", command, ready=lambda: ports.accepts(port), ready_seconds=60)


def dbt(layout: Layout) -> ChildSpec:
    """dbt, imported once for all commands. What they run could read the environment: no secrets."""
    socket = layout.dbt_socket
    socket.unlink(missing_ok=True)
    command = [sys.executable, "-m", "market_assets.marts.dbt_server", str(socket)]
    return ChildSpec("dbt server", command, ready=socket.is_socket, knows_secrets=False)


def docs(layout: Layout, port: int) -> ChildSpec:
    """dbt's docs and the quality reports, as files."""
    command = [
        *(sys.executable, "-m", "http.server", str(port), "--bind", ports.HOST),
        *("--directory", str(layout.sites)),
    ]
    return ChildSpec("docs server", command, ready=lambda: ports.accepts(port))


def exporter(port: int) -> ChildSpec:
    """Metrics and health; where the last look lies it learns from the settings in force."""
    command = [sys.executable, "-m", "market_assets.watch.exporter", "--port", str(port)]
    return ChildSpec("exporter", command, ready=lambda: ports.accepts(port))
