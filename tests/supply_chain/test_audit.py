"""Known vulnerabilities are asked for in one go; a lock that nobody looked up is not "clean"."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"

Query = Mapping[str, Any]


@contextmanager
def advisories(of: Callable[[Query], Mapping[str, Any]]) -> Iterator[tuple[str, list[list[Query]]]]:
    """An OSV on loopback; what it was asked."""
    asked: list[list[Query]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            asked.append(queries)
            body = json.dumps({"results": [of(query) for query in queries]}).encode()
            self.send_response(200 if self.path == "/v1/querybatch" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/audit_dependencies.py", str(LOCK), *arguments],
        cwd=ROOT,
        env={"no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_package_of_the_lock_is_asked_for_in_one_request():
    with advisories(lambda query: {}) as (address, asked):
        done = audit("--address", address)
    assert done.returncode == 0
    assert "no known vulnerability is open" in done.stdout
    [queries] = asked
    locked = set(re.findall(r"^(\S+)==(\S+)", LOCK.read_text(), re.MULTILINE))
    assert {(query["package"]["name"], query["version"]) for query in queries} == locked
    assert {query["package"]["ecosystem"] for query in queries} == {"PyPI"}


def test_a_vulnerable_package_fails_with_its_version_and_where_to_read():
    def told(query: Query) -> Mapping[str, Any]:
        is_bad = query["package"]["name"] == "jinja2"
        return {"vulns": [{"id": "GHSA-made-up"}]} if is_bad else {}

    with advisories(told) as (address, _):
        done = audit("--address", address)
    assert done.returncode == 1
    assert re.search(r"jinja2 [\d.]+: https://osv.dev/vulnerability/GHSA-made-up", done.stderr)
    assert "make lock" in done.stderr


def test_an_answer_in_pages_is_read_to_its_end():
    def told(query: Query) -> Mapping[str, Any]:
        if query["package"]["name"] != "jinja2":
            return {}
        if "page_token" in query:
            return {"vulns": [{"id": "SECOND"}]}
        return {"vulns": [{"id": "FIRST"}], "next_page_token": "more"}

    with advisories(told) as (address, asked):
        done = audit("--address", address)
    assert {"FIRST", "SECOND"} <= set(re.findall(r"/(\w+)$", done.stderr, re.MULTILINE))
    assert len(asked[1]) == 1


def test_where_nobody_can_be_asked_it_says_not_audited_and_fails_only_when_required():
    nobody = "http://127.0.0.1:1"
    told = audit("--address", nobody)
    assert told.returncode == 0
    assert told.stderr.startswith("NOT AUDITED")
    assert "no known vulnerability" not in told.stdout
    assert audit("--address", nobody, "--required").returncode == 2


def test_an_answer_that_leaves_packages_out_is_no_audit():
    with advisories(lambda query: {}) as (address, _):
        nonsense = audit("--address", f"{address}/elsewhere", "--required")
    assert nonsense.returncode == 2
    assert "NOT AUDITED" in nonsense.stderr
