"""The exporter over real HTTP, with the look of a platform of which everything was seen."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from exporter_support import Client

from market_assets.watch.exporter.server import make_server


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Client]]:
    """Starts an exporter of a state folder."""
    started = []

    def start(state: Path) -> Client:
        server = make_server(state, 0)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        started.append((server, thread))
        return Client(server.server_port)

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()
