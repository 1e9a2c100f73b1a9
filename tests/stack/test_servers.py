"""The ports of a stack, what is written down about them, and the exporter as one of its parts."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from market_assets.errors import PortTaken, SettingsInvalid
from market_assets.settings import load_settings
from market_assets.stack import ports, servers
from market_assets.stack.child import Child
from market_assets.stack.environment import child_environment
from market_assets.stack.layout import Layout
from market_assets.stack.platform_file import (
    ServedAt,
    demo_layout,
    live_layout,
    write_demo,
    write_live,
)
from market_assets.watch.snapshot import Snapshot, write_snapshot


def test_two_servers_are_not_promised_the_same_port() -> None:
    """UI on 3000, docs on 3001: where 3000 is taken, the UI's next choice is the docs' own."""
    base = ports.free_port()
    with socket.socket() as taken:
        taken.bind((ports.HOST, base))
        taken.listen()
        found = ports.free_ports(base, base, base + 1, base + 1)

    assert len(set(found)) == 4
    assert base not in found


def test_no_free_port_among_fifty_is_one_clear_message() -> None:
    base = ports.free_port()
    with pytest.raises(PortTaken, match="49 ports above it are taken"):
        ports.free_port(base, but=range(base, base + 50))


@pytest.mark.parametrize("is_demo", [True, False])
def test_the_settings_in_force_say_where_ui_docs_and_metrics_are(
    tmp_path: Path, is_demo: bool
) -> None:
    settings = _settings(tmp_path)
    if is_demo:
        layout = demo_layout(settings)
        write_demo(settings, layout, 8901, ServedAt(3033, 3011, 3022))
    else:
        layout = live_layout(settings)
        write_live(settings, layout, ServedAt(3033, 3011, 3022))

    found = load_settings(layout.platform, {})

    assert found.ui_url == "http://127.0.0.1:3033"
    assert found.docs_url == "http://127.0.0.1:3011/dbt/index.html"
    assert found.metrics_url == "http://127.0.0.1:3022/metrics"
    assert found.metrics_port == 3022


def test_an_address_of_the_ui_that_people_were_given_is_kept(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "ui_url: https://data.example.com")
    layout = live_layout(settings)
    write_live(settings, layout, ServedAt(3033, 3011, 3022))
    assert load_settings(layout.platform, {}).ui_url == "https://data.example.com"


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://host/metrics", 80), ("https://host/metrics", 443), ("http://host:81/metrics", 81)],
)
def test_a_metrics_address_without_a_port_has_its_protocols(
    tmp_path: Path, url: str, port: int
) -> None:
    assert _settings(tmp_path, f"metrics_url: {url}").metrics_port == port


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Child]:
    """The exporter as the stack starts it."""
    settings = _settings(tmp_path)
    layout = live_layout(settings)
    port = ports.free_port()
    write_live(settings, layout, ServedAt(3033, 3011, port))
    layout.prepare()
    spec = servers.exporter(port)
    child = Child(
        spec, child_environment(layout, "a-test"), layout.checkout, layout.log("exporter")
    )
    child.start()
    child.wait_ready()
    yield child
    assert child.process
    child.process.kill()
    child.process.wait()


def test_the_exporter_serves_the_last_look_of_its_stack_and_is_revived(
    tmp_path: Path, exporter: Child
) -> None:
    assert ask(exporter, "health")[0] == 503
    state = Layout(tmp_path / "state").state
    write_snapshot(state, Snapshot(datetime.now(UTC), 60))
    assert ask(exporter, "health")[0] == 200

    assert isinstance(exporter.process, subprocess.Popen)
    exporter.process.kill()
    exporter.process.wait()
    assert not exporter.alive
    told = exporter.revive()
    exporter.wait_ready()

    assert told.startswith("The exporter ended (exit code -9) and was started again")
    assert ask(exporter, "health")[0] == 200


def ask(exporter: Child, page: str) -> tuple[int, Any]:
    port = exporter.spec.command[-1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def _settings(folder: Path, more: str = "") -> Any:
    file = folder / "platform.yaml"
    file.write_text(f"state_dir: state\n{more}\n", encoding="utf-8")
    return load_settings(file, {})


@pytest.mark.parametrize("found", ["", "[]", '{"start": "soon", "seed": 7}', '{"seed": 7}'])
def test_a_demo_that_does_not_know_its_market_says_how_to_begin_anew(
    tmp_path: Path, found: str
) -> None:
    settings = _settings(tmp_path)
    layout = demo_layout(settings)
    layout.state.mkdir(parents=True)
    (layout.state / "demo.json").write_text(found)

    with pytest.raises(SettingsInvalid, match=r"Remove .*demo and start again"):
        write_demo(settings, layout, 8901, ServedAt(3033, 3011, 3022))
