"""Runs the simulated exchanges until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from market_assets.errors import PortTaken
from market_assets.simulator.app import SimulatorApp
from market_assets.simulator.config import SimulatorConfig

_BACKLOG = 1024


def serve(config: SimulatorConfig, *, parent: int | None = None) -> None:
    """Blocks; prints one line when it listens. With `parent` it ends when that process does."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Starting the simulator on {config.host}:{config.port}",
            f"it cannot be listened on: {error.strerror}",
            "Give another --port (0 takes a free one), or stop what is there",
        ) from error
    listener.listen(_BACKLOG)
    port = listener.getsockname()[1]
    server = _Server(
        uvicorn.Config(
            SimulatorApp(config),
            loop="uvloop",
            http="httptools",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        ),
        ready=f"simulator ready on http://{config.host}:{port}",
        parent=parent,
    )
    # uvicorn hands the signal on once it has stopped; being told to stop is no failure here.
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, _already_stopped)
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it listens, and does not outlive who started it."""

    def __init__(self, config: uvicorn.Config, ready: str, parent: int | None) -> None:
        super().__init__(config)
        self._ready = ready
        self._parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self._ready}\n")
        sys.stdout.flush()

    async def main_loop(self) -> None:
        watch = asyncio.create_task(self._watch_parent()) if self._parent else None
        await super().main_loop()
        if watch is not None:
            watch.cancel()

    async def _watch_parent(self) -> None:
        while os.getppid() == self._parent:
            await asyncio.sleep(1.0)
        self.should_exit = True


def _already_stopped(_signal: int, _frame: FrameType | None) -> None:
    return
