"""`/metrics` and `/health` over HTTP, and the exporter as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from exporter_support import NOW, Client, look
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from market_assets.watch.exporter.health import health
from market_assets.watch.exporter.metrics import GAUGES
from market_assets.watch.gauges import LOOK_GAUGES
from market_assets.watch.snapshot import snapshot_file, write_snapshot

Serve = Callable[[Path], Client]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_prometheus_reads_every_gauge_of_the_last_look(tmp_path: Path, serve: Serve) -> None:
    write_snapshot(tmp_path, look(ago(0), critical="firing"))

    found = serve(tmp_path).get("/metrics")

    assert (found.status, found.kind.split(";")[0]) == (200, "text/plain")
    assert {name for name, _ in found.samples} == set(GAUGES)
    assert found.value("watch_up") == 1
    assert found.value("look_interval_seconds") == 60
    assert found.value("open_alerts", severity="critical", state="firing") == 1
    assert found.value("open_alerts", severity="info", state="firing") == 0
    assert found.value("failing_verdicts", rule="completeness") == 2
    assert found.value("failing_verdicts", rule="freshness") == 0
    assert found.value("undelivered_messages", channel="slack") == 2
    assert found.value("runs", state="queued") == 4
    for name, said in GAUGES.items():
        assert f"# HELP {name} {said}\n# TYPE {name} gauge\n" in found.text


def test_openmetrics_is_spoken_to_who_asks_for_it(tmp_path: Path, serve: Serve) -> None:
    write_snapshot(tmp_path, look(ago(0)))

    found = serve(tmp_path).get("/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert found.kind.startswith("application/openmetrics-text")
    assert {family.name for family in text_string_to_metric_families(found.text)} == set(GAUGES)


def test_a_new_look_is_seen_at_the_next_scrape(tmp_path: Path, serve: Serve) -> None:
    client = serve(tmp_path)
    assert client.get("/metrics").value("watch_up") == 0

    write_snapshot(tmp_path, look(ago(0)))
    assert client.get("/metrics").value("open_alerts", severity="critical", state="firing") == 0
    write_snapshot(tmp_path, look(ago(0), critical="firing"))
    assert client.get("/metrics").value("open_alerts", severity="critical", state="firing") == 1
    snapshot_file(tmp_path).unlink()
    assert client.get("/metrics").value("watch_up") == 0


def test_numbers_of_a_watch_that_died_are_not_repeated(tmp_path: Path, serve: Serve) -> None:
    write_snapshot(tmp_path, look(ago(200)))

    found = serve(tmp_path).get("/metrics")

    assert found.value("watch_up") == 0
    assert not {name for name, _ in found.samples} & set(LOOK_GAUGES)
    # What was open then is still the newest that is known.
    assert found.value("open_alerts", severity="warning", state="firing") == 1


@pytest.mark.parametrize("text", ["", "{", '{"looked_at": 1}'])
def test_a_damaged_file_is_a_watch_that_is_not_up(tmp_path: Path, serve: Serve, text: str) -> None:
    snapshot_file(tmp_path).write_text(text, encoding="utf-8")
    client = serve(tmp_path)

    assert client.get("/metrics").value("watch_up") == 0
    assert client.get("/health").status == 503


@pytest.mark.parametrize(
    ("critical", "later", "reasons"),
    [
        (None, 0, []),
        (None, 180, []),
        ("firing", 0, ["critical: okx is down"]),
        ("acknowledged", 0, []),
        (None, 181, ["the watch looked last 181 s ago (limit 180 s)"]),
        (None, -300, ["the watch looked last 300 s in the future (limit 180 s)"]),
        (
            "firing",
            4000,
            ["the watch looked last 4000 s ago (limit 180 s)", "critical: okx is down"],
        ),
    ],
)
def test_health_names_everything_that_speaks_against_it(
    critical: str | None, later: int, reasons: list[str]
) -> None:
    found = health(look(NOW, critical=critical), NOW.timestamp() + later)

    assert found.is_well is (not reasons)
    assert found.body["status"] == ("unhealthy" if reasons else "healthy")
    assert found.body["reasons"] == reasons
    assert found.body["age_seconds"] == later


def test_a_look_that_could_tell_nobody_is_not_well() -> None:
    """It has no open alerts to show, because it does not know them."""
    silent = replace(look(NOW), alerts=(), problem="the desk failed")

    assert health(silent, NOW.timestamp()).reasons == ("the desk failed",)


@pytest.mark.parametrize(
    ("critical", "seconds", "status"),
    [(None, 0, 200), ("firing", 0, 503), ("acknowledged", 0, 200), (None, 999, 503)],
)
def test_health_is_a_status_for_machines_and_facts_for_people(
    tmp_path: Path, serve: Serve, critical: str | None, seconds: int, status: int
) -> None:
    write_snapshot(tmp_path, look(ago(seconds), critical=critical))

    found = serve(tmp_path).get("/health")

    assert found.status == status
    assert found.json["alerts"][0]["rule"] == "completeness"
    assert found.json["undelivered"] == [
        {"channel": "slack", "messages": 2, "error": "it answered 500"}
    ]


def test_before_the_first_look_the_platform_is_not_well_and_the_exporter_lives(
    tmp_path: Path, serve: Serve
) -> None:
    client = serve(tmp_path / "not there yet")

    found = client.get("/health")
    assert found.status == 503
    assert found.json["reasons"] == ["the watch has not looked yet: is its sensor on?"]
    live = client.get("/health/live")
    assert (live.status, live.json) == (200, {"status": "alive"})


def test_other_paths_and_methods_are_refused(tmp_path: Path, serve: Serve) -> None:
    client = serve(tmp_path)

    assert client.get("/../watch.json").status == 404
    assert client.get("/").json["pages"] == ["/health", "/health/live", "/metrics"]
    assert client.get("/metrics?x=1").status == 200
    assert client.get("/metrics", method="POST").status == 501
    head = client.get("/metrics", method="HEAD")
    assert (head.status, head.text) == (200, "")


def test_a_client_that_says_nothing_holds_up_nobody(tmp_path: Path, serve: Serve) -> None:
    client = serve(tmp_path)
    with socket.create_connection(("127.0.0.1", client.port)):
        assert client.get("/health/live").status == 200


# -- as a process


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    file = folder / "platform.yaml"
    file.write_text("state_dir: state\nmetrics_url: http://127.0.0.1:1/metrics\n", encoding="utf-8")
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "market_assets.watch.exporter"),
            *("--config", str(file), *arguments),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_state_folder_of_the_settings_until_it_is_told_to_stop(
    tmp_path: Path, kind: signal.Signals
) -> None:
    write_snapshot(tmp_path / "state", look(ago(0)))
    with start(tmp_path, "--port", "0") as process:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip()
        port = int(url.removeprefix("http://127.0.0.1:").removesuffix("/metrics"))
        assert Client(port).get("/health").status == 200
        process.send_signal(kind)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_one_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with start(tmp_path, "--port", str(port)) as process:
            _, errors = process.communicate(timeout=20)

    assert process.returncode == 7
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in errors
    assert "metrics_url" in errors
    assert "Traceback" not in errors


def test_it_loads_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    """It runs beside everything else for ever: 40 MB are enough."""
    write_snapshot(tmp_path, look(ago(0), critical="firing"))
    program = (
        "import sys; from pathlib import Path;"
        "import market_assets.watch.exporter.__main__;"
        "from market_assets.watch.exporter.server import Pages;"
        "pages = Pages(Path(sys.argv[1]));"
        "assert b'market_assets_watch_up 1.0' in pages.page('/metrics', '')[2];"
        "assert pages.page('/health', '')[0] == 503;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=True,
        capture_output=True,
        text=True,
    )

    heavy = {"dagster", "duckdb", "pandas", "numpy", "pyarrow", "httpx", "dbt", "apprise", "rich"}
    assert not set(done.stdout.split()) & heavy


def test_the_standing_clock_of_a_file_is_no_reason_to_miss_a_look(
    tmp_path: Path, serve: Serve
) -> None:
    """Two looks within one tick of the file system's clock are two looks."""
    client = serve(tmp_path)
    write_snapshot(tmp_path, look(ago(0)))
    client.get("/metrics")
    before = snapshot_file(tmp_path).stat()
    write_snapshot(tmp_path, look(ago(0), critical="firing"))
    os.utime(snapshot_file(tmp_path), ns=(before.st_atime_ns, before.st_mtime_ns))

    assert client.get("/health").status == 503
