"""Verdicts in a word, receivers that remember, and settings for both."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from market_assets.alerts.log_channel import FILE
from market_assets.schemas.verdicts import Verdict
from market_assets.settings import Settings

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def verdict(state: Any = "failing", member: str = "BTCUSDT 1h", **changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "rule": "completeness",
        "scope": "binance",
        "member": member,
        "state": state,
        "text": f"{member} is {state}",
    }
    return Verdict(**(values | changes))


def settings_for(folder: Path, urls: Mapping[str, str], **alerts: Any) -> Settings:
    """Every severity goes to the log and to each of the channels, unless `routes` says so."""
    names = ["log", *urls]
    defaults: dict[str, Any] = {
        "channels": [{"name": name, "url_secret": f"{name}_url"} for name in urls],
        "routes": dict.fromkeys(("info", "warning", "critical"), names),
        "delivery": {"first_pause_seconds": 60, "timeout_seconds": 10},
    }
    return Settings.model_validate(
        {
            "state_dir": folder / "state",
            "warehouse": {"path": folder / "warehouse"},
            "alerts": defaults | alerts,
        }
    )


class Webhook:
    """A web hook on loopback; what it was sent, and what it answers from now on."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        self.hangs = threading.Event()
        self.asked = threading.Event()
        self.before_answer: Callable[[], object] | None = None
        self._released = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["Content-Length"]))
                hook.asked.set()
                if hook.before_answer is not None:
                    hook.before_answer()
                if hook.hangs.is_set():
                    hook._released.wait()
                    return
                hook.received.append(json.loads(said))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Its address as Apprise writes it, with a path and a password that are secret."""
        port = self._server.server_port
        return f"json://keeper:Tr0ub4dor@127.0.0.1:{port}/T0secretpath?:token=Xq7secret"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.received]

    def __enter__(self) -> Webhook:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def logged(folder: Path) -> list[dict[str, Any]]:
    """What the log channel was told."""
    file = folder / "state" / FILE
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def kinds(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    return [message["kind"] for message in messages]
