"""The proxy's own Caddyfile in a real Caddy: TLS, a login, and what lies behind it."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from compose_file import DEPLOY

from market_assets.stack import ports
from market_assets.stack.log_tail import log_tail

NAME = "alice"


class Behind(BaseHTTPRequestHandler):
    """Whatever is behind the door: it answers with what it was asked, and by which headers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path}\n{self.headers}".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(frozen=True)
class Door:
    client: httpx.Client
    password: str
    plain: int

    def ask(self, path: str, *, password: str | None = None) -> httpx.Response:
        return self.client.get(path, auth=(NAME, password) if password else None)


def _secrets(folder: Path) -> str:
    """What make-secrets.sh writes and shows."""
    done = subprocess.run(
        [str(DEPLOY / "make-secrets.sh"), NAME],
        env={"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    name, _, password = done.stdout.strip().partition(": ")
    assert name == NAME
    return password


def _environment(folder: Path, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        # Caddy keeps its certificates there.
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "HOME": str(folder),
        "SITE_ADDRESS": "localhost",
        "TLS": "internal",
        "UI_USERS": str(folder / "ui_users"),
        "SITES": str(folder / "sites"),
        **changes,
    }


def _caddyfile(folder: Path) -> Path:
    """Debian's Caddy is 2.6: the directive basic_auth had no underscore before 2.8."""
    file = folder / "Caddyfile"
    text = (DEPLOY / "Caddyfile").read_text()
    assert "\tbasic_auth {" in text
    # Without asking the machine to trust Caddy's own authority.
    text = text.replace("\tadmin off", "\tadmin off\n\tskip_install_trust", 1)
    file.write_text(text.replace("\tbasic_auth {", "\tbasicauth {"))
    return file


@pytest.fixture(scope="module")
def caddy() -> str:
    found = shutil.which("caddy")
    if found is None:
        pytest.fail(
            "Caddy is not installed.\n  -> Run: make test-system (or: apt-get install caddy)"
        )
    return found


@pytest.fixture(scope="module")
def door(caddy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    password = _secrets(folder)
    (folder / "sites" / "dbt").mkdir(parents=True)
    (folder / "sites" / "dbt" / "index.html").write_text("the docs of dbt")
    webserver = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    threading.Thread(target=webserver.serve_forever, args=(0.05,), daemon=True).start()
    plain, tls = ports.free_ports(ports.free_port(), ports.free_port())
    environment = _environment(
        folder,
        HTTP_PORT=str(plain),
        HTTPS_PORT=str(tls),
        WEBSERVER=f"127.0.0.1:{webserver.server_port}",
        EXPORTER=f"127.0.0.1:{webserver.server_port}",
    )
    log = folder / "caddy.log"
    command = [caddy, "run", "--config", str(_caddyfile(folder)), "--adapter", "caddyfile"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        root = folder / "data/caddy/pki/authorities/local/root.crt"
        give_up = time.monotonic() + 60
        while not (root.exists() and ports.accepts(tls)):
            assert process.poll() is None, log_tail(log, 40)
            assert time.monotonic() < give_up, log_tail(log, 40)
            time.sleep(0.1)
        trust = ssl.create_default_context(cafile=str(root))
        address = f"https://localhost:{tls}"
        # A password is a second of CPU (bcrypt), which other tests may want too.
        with httpx.Client(base_url=address, verify=trust, trust_env=False, timeout=60) as client:
            yield Door(client, password, plain)
    finally:
        process.terminate()
        process.wait(30)
        webserver.shutdown()
        webserver.server_close()


@pytest.mark.parametrize("path", ["/", "/graphql", "/metrics", "/health", "/dbt/index.html"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_nothing_answers_without_the_password(door: Door, path: str, password: str | None) -> None:
    answer = door.ask(path, password=password)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_with_it_dagster_answers_and_never_sees_the_password(door: Door) -> None:
    answer = door.ask("/graphql", password=door.password)
    assert answer.status_code == 200
    assert answer.text.startswith("/graphql\n")
    assert "authorization" not in answer.text.lower()
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    # An offer of HTTP/3 would name the port inside the container.
    assert "Alt-Svc" not in answer.headers
    assert "Server" not in answer.headers or "Caddy" not in answer.headers["Server"]


def test_the_pages_of_dbt_and_the_metrics_are_behind_the_same_door(door: Door) -> None:
    assert door.ask("/dbt/index.html", password=door.password).text == "the docs of dbt"
    assert door.ask("/metrics", password=door.password).text.startswith("/metrics\n")
    assert door.ask("/dbt/../../ui_users", password=door.password).text.startswith("/ui_users\n")


def test_an_unencrypted_request_is_sent_to_the_encrypted_address(door: Door) -> None:
    with contextlib.closing(httpx.Client(trust_env=False)) as client:
        answer = client.get(f"http://localhost:{door.plain}/")
    assert answer.status_code == 308
    assert answer.headers["Location"].startswith("https://localhost")


@pytest.mark.parametrize("users", [None, ""])
def test_without_anybody_who_may_enter_there_is_no_door(
    caddy: str, tmp_path: Path, users: str | None
) -> None:
    """A forgotten file of logins never means an open door."""
    if users is not None:
        (tmp_path / "ui_users").write_text(users)
    command = [caddy, "validate", "--config", str(_caddyfile(tmp_path)), "--adapter", "caddyfile"]
    done = subprocess.run(
        command, env=_environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0, done.stderr


@pytest.mark.slow
def test_a_second_login_is_added_and_a_first_one_never_replaced(tmp_path: Path) -> None:
    _secrets(tmp_path)
    kept = {file.name: file.read_text() for file in tmp_path.iterdir() if file.is_file()}
    done = subprocess.run(
        [str(DEPLOY / "make-secrets.sh"), NAME],
        env={"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "has a login already" in done.stderr
    assert {f.name: f.read_text() for f in tmp_path.iterdir() if f.is_file()} == kept
    assert (tmp_path.stat().st_mode & 0o777) == 0o700
