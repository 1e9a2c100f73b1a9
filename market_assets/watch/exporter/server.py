"""The few pages of the exporter, served by threads of the standard library."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from market_assets.errors import PortTaken
from market_assets.watch.exporter.health import health
from market_assets.watch.exporter.last_look import LastLook
from market_assets.watch.exporter.metrics import LookCollector

HOST = "127.0.0.1"
_JSON = "application/json; charset=utf-8"
Page = tuple[HTTPStatus, str, bytes]


class Pages:
    """What each path answers."""

    def __init__(self, state: Path, clock: Callable[[], float] = time.time) -> None:
        from prometheus_client import CollectorRegistry

        self._last_look = LastLook(state)
        self._clock = clock
        self._registry = CollectorRegistry()
        self._registry.register(LookCollector(self._last_look, clock))
        self._paths: dict[str, Callable[[str], Page]] = {
            "/metrics": self._metrics,
            "/health": self._health,
            # Of the exporter alone: what restarts it must not do so because a venue is down.
            "/health/live": lambda _accept: _json(HTTPStatus.OK, {"status": "alive"}),
        }

    def page(self, path: str, accept: str) -> Page:
        found = self._paths.get(path.rstrip("/") or "/")
        if found is None:
            body = {"error": f"there is no {path}", "pages": sorted(self._paths)}
            return _json(HTTPStatus.NOT_FOUND, body)
        return found(accept)

    def _metrics(self, accept: str) -> Page:
        from prometheus_client.exposition import choose_encoder

        encode, kind = choose_encoder(accept)
        return HTTPStatus.OK, kind, encode(self._registry)

    def _health(self, _accept: str) -> Page:
        found = health(self._last_look.read(), self._clock())
        status = HTTPStatus.OK if found.is_well else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, found.body)


def make_server(state: Path, port: int, host: str = HOST) -> ThreadingHTTPServer:
    """Listens from now on; `serve_forever` answers. Port 0 takes any free one."""
    try:
        return _Server((host, port), partial(_Handler, Pages(state)))
    except OSError as problem:
        raise PortTaken(
            "Starting the exporter",
            f"{host}:{port} cannot be listened on: {problem.strerror}",
            "Stop what listens there, or set metrics_url to another port",
        ) from problem


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A client that says nothing must not keep its thread.
    timeout = 10

    def __init__(self, pages: Pages, *rest: Any) -> None:
        self._pages = pages
        super().__init__(*rest)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        status, kind, body = self._pages.page(path, self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A line for each scrape would fill the log; what goes wrong is told by the standard
        library's own traceback."""


def _json(status: HTTPStatus, body: object) -> Page:
    return status, _JSON, json.dumps(body, indent=1).encode()
