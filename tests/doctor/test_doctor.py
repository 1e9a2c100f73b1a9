"""The doctor against a venue on loopback that answers as told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from market_assets import doctor
from market_assets.settings import Secrets, Settings, VenueSettings, load_settings


@contextmanager
def venue(status: int = 200, skew: float = 0.0, body: Any = None) -> Iterator[str]:
    """Every venue's time endpoint; its clock is `skew` seconds ahead of ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = int((time.time() + skew) * 1000)
            answers = {
                "/fapi/v1/time": {"serverTime": now},
                "/fapi/v3/time": {"serverTime": now},
                "/api/v5/public/time": {"code": "0", "msg": "", "data": [{"ts": str(now)}]},
            }
            answers["/v5/market/time"] = {"retCode": 0, "result": {}, "time": now}
            payload = json.dumps(answers[self.path] if body is None else body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, name: str = "binance") -> list[doctor.Finding]:
    settings = VenueSettings(base_url=url, timeout_seconds=2)
    return doctor.reach(name, settings, doctor.TIME_PATHS[name])


@pytest.mark.parametrize("name", doctor.TIME_PATHS)
def test_a_venue_that_answers_is_well(name: str) -> None:
    with venue() as url:
        findings = ask(url, name)

    assert [finding.status for finding in findings] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("skew", "status", "side"),
    [(5, "warn", "behind"), (-5, "warn", "ahead of"), (60, "fail", "behind")],
)
def test_clock_skew_is_measured_against_the_venue(skew: float, status: str, side: str) -> None:
    with venue(skew=skew) as url:
        _, clock = ask(url)

    assert clock.status == status
    assert side in clock.detail
    assert "timedatectl" in clock.action


@pytest.mark.parametrize("status", [403, 451])
def test_a_geo_block_is_named(status: int) -> None:
    with venue(status=status) as url:
        (finding,) = ask(url)

    assert finding.status == "fail"
    assert f"HTTP {status}, a geo block" in finding.detail
    assert "venues.binance.base_url" in finding.action
    assert "another network" in finding.action


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(429, None, "warn"), (418, None, "warn"), (500, None, "fail"), (200, {"hello": 1}, "fail"),
     (200, [], "fail"), (200, "html", "fail"), (200, {"serverTime": None}, "fail")],
)  # fmt: skip
def test_other_answers(status: int, body: object, expected: str) -> None:
    with venue(status=status, body=body) as url:
        (finding,) = ask(url)

    assert finding.status == expected
    assert finding.action


def test_a_venue_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        (finding,) = ask(f"http://127.0.0.1:{unused.getsockname()[1]}")

    assert finding.status == "fail"
    assert "check the network" in finding.action


def test_a_venue_without_a_time_endpoint_is_not_asked() -> None:
    (finding,) = doctor.reach("new", VenueSettings(base_url="http://127.0.0.1:9"), None)

    assert finding.status == "warn"


def test_a_taken_port_names_its_holder() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        number = holder.getsockname()[1]
        taken = doctor.port("UI port", number, "stop it")

    assert taken.status == "warn"
    assert f"{number} is taken by this process" in taken.detail
    assert doctor.port("UI port", number, "stop it").status == "ok"


def test_folders(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    below_file = doctor.folder("state folder", file / "inside", "state_dir")
    absent = doctor.folder("state folder", tmp_path / "not/yet/there", "state_dir")
    full = doctor.folder("state folder", tmp_path, "state_dir", fail_below=2**60)

    assert below_file.status == "fail"
    assert "not a folder" in below_file.detail
    assert absent.status in {"ok", "warn"}
    assert not (tmp_path / "not").exists()
    assert full.status == "fail"
    assert "state_dir" in full.action


def test_a_folder_that_cannot_be_written() -> None:
    finding = doctor.folder("state folder", Path("/proc/nothing"), "state_dir")

    assert finding.status == "fail"
    assert "cannot be written" in finding.detail


def test_python_versions() -> None:
    assert doctor.python_version((3, 11)).status == "ok"
    assert doctor.python_version((3, 13)).status == "fail"


@pytest.mark.parametrize(
    ("alert", "status", "detail"),
    [
        ("rule: price_move, symbol: BTCUSDT", "ok", "1h candles of BTCUSDT"),
        ("rule: price_move", "ok", "1h candles of any symbol"),
        ("rule: price_move, symbol: BTCUSDC", "warn", "BTCUSDC are not collected"),
        ("rule: price_move, venue: aster", "warn", "1h candles of aster are not collected"),
        ("rule: price_move, venue: okx, symbol: ETHUSDT", "warn", "okx ETHUSDT are not collected"),
        ("rule: funding_extreme, venue: okx", "ok", "funding of okx"),
        ("rule: cross_venue_spread, symbol: BTCUSDT", "warn", "only binance collects"),
    ],
)
def test_a_market_alert_that_can_never_fire_is_named(
    tmp_path: Path, alert: str, status: str, detail: str
) -> None:
    """A misspelt symbol has no values, and would wait for ever without a word."""
    file = tmp_path / "platform.yaml"
    file.write_text(
        "venues: {aster: {enabled: false}, okx: {symbols: [BTCUSDT], intervals: [1m]}}\n"
        f"alerts: {{market: [{{name: mine, above: 1, {alert}}}]}}",
        encoding="utf-8",
    )

    (found,) = doctor.market_alerts(load_settings(file, {}))

    assert (found.check, found.status) == ("market alert mine", status)
    assert detail in found.detail


def test_the_metrics_port_is_that_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        taken = holder.getsockname()[1]
        file.write_text(f"metrics_url: http://127.0.0.1:{taken}/metrics", encoding="utf-8")
        found = {f.check: f for f in doctor.diagnose(load_settings(file, {}), time_paths={})}

    assert found["metrics port"].status == "warn"
    assert str(taken) in found["metrics port"].detail


def test_diagnose_reports_every_check(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    with venue() as url:
        file.write_text(
            f"venues: {{binance: {{base_url: '{url}'}}, okx: {{base_url: '{url}'}},"
            " aster: {enabled: false}}",
            encoding="utf-8",
        )
        findings = doctor.diagnose(load_settings(file, {}))

    assert [finding.check for finding in findings] == [
        "settings",
        "Python",
        "state folder",
        "warehouse folder",
        "UI port",
        "simulator port",
        "metrics port",
        "alert channels",
        "venue binance",
        "clock against binance",
        "venue okx",
        "clock against okx",
    ]
    assert str(file) in findings[0].detail
    assert not any(finding.status == "fail" for finding in findings)
    assert not (tmp_path / ".state").exists()


def test_alert_channels_are_judged_by_their_secrets_and_nothing_is_sent() -> None:
    names = ("chat", "absent", "typo")
    settings = Settings.model_validate(
        {"alerts": {"channels": [{"name": name, "url_secret": f"{name}_url"} for name in names]}}
    )
    # Nobody listens on port 9: what was sent would fail.
    urls = {"chat_url": "json://127.0.0.1:9/T0secret", "typo_url": "jsn://127.0.0.1/T0secret"}
    chat, absent, typo = doctor.channels(settings, Secrets(urls))

    assert (chat.status, absent.status, typo.status) == ("ok", "fail", "fail")
    assert "alerts test --channel chat" in chat.action
    assert "MARKET_ASSETS_SECRET_ABSENT_URL" in absent.action
    assert "no such scheme" in typo.detail
    assert "T0secret" not in f"{chat}{typo}"
