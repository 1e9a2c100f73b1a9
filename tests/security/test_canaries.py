"""A secret in every place that takes one, the platform run through its doors, and a search.

Command line, dbt, Dagster (a run that succeeds and one that fails), the watch and its channels (one
that takes messages, one that is gone, one that is misspelt). What is searched: all that was
printed, arguments of every process, every file, every row of Dagster's databases and of the lake.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_support import Webhook
from canaries import COMMAND, Places, plain_environment, read_files, read_tables, run
from lab_support import settings_for

from market_assets.marts.project import Project
from market_assets.settings import load_settings
from market_assets.simulator.process import RunningSimulator
from market_assets.stack.dagster_home import write_dagster_yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAY = ("--from", "2026-03-09", "--to", "2026-03-10")
HOUR = "2026-03-09-10:00"
LOOK = """
from datetime import UTC, datetime
from market_assets.settings import load_secrets, load_settings
from market_assets.watch.looking import Watch
watch = Watch(load_settings(), load_secrets())
watch.look(datetime.now(UTC))
watch.close()
"""


def canary(place: str) -> str:
    return f"canary0{place}0chirp"


def secrets(webhook: Webhook, outside: Path) -> dict[str, str]:
    """Everything that a shell of this platform may hold."""

    def url(place: str, port: int, scheme: str = "json") -> str:
        parts = [canary(f"{place}{part}") for part in ("user", "password", "path", "token")]
        return "{}://{}:{}@127.0.0.1:{}/{}?:token={}".format(scheme, *parts[:2], port, *parts[2:])

    key = outside / "key.json"
    key.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "p",
                "private_key": canary("key"),
                "client_email": f"{canary('mail')}@p.iam.gserviceaccount.com",
                "token_uri": "http://127.0.0.1:9/token",
            }
        )
    )
    return {
        "MARKET_ASSETS_SECRET_OPS_URL": url("ops", webhook._server.server_port),
        "MARKET_ASSETS_SECRET_GONE_URL": url("gone", 9),
        "MARKET_ASSETS_SECRET_TYPO_URL": url("typo", 9, "jsn"),
        "MARKET_ASSETS_SECRET_NOBODYS": canary("nobodys"),
        "MARKET_ASSETS_SECRET_DAGSTER_POSTGRES_PASSWORD": canary("postgres"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "HTTP_PROXY": f"http://me:{canary('proxy')}@127.0.0.1:9",
        "HTTPS_PROXY": f"http://me:{canary('proxies')}@127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
        "PGPASSWORD": canary("pgpassword"),
        "DBT_ENV_SECRET_TOKEN": canary("dbt"),
    }


@pytest.fixture
def platform(exchange: RunningSimulator, tmp_path: Path) -> Path:
    """platform.yaml of an installation of its own: one venue answers, another is not there."""
    folder = tmp_path / "platform"
    folder.mkdir()
    names = ["ops", "gone", "typo"]
    told: dict[str, Any] = settings_for(
        exchange,
        alerts={
            "channels": [{"name": name, "url_secret": f"{name}_url"} for name in names],
            "routes": {word: ["log", *names] for word in ("info", "warning", "critical")},
        },
        http={"attempts": 1},
        venues={
            "binance": {"symbols": ["BTCUSDT"], "start": "2026-03-01"},
            "okx": {
                "base_url": "http://127.0.0.1:9",
                "symbols": ["BTCUSDT"],
                "start": "2026-03-01",
            },
            "aster": {"enabled": False},
        },
    )
    file = folder / "platform.yaml"
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    return file


# One of them can't be had: its failure is told as well.
DAGSTER = (
    *(sys.executable, "-m", "dagster", "asset", "materialize"),
    *("--module-name", "market_assets.definitions", "--partition", HOUR),
    *("--select", "key:raw/binance_ohlcv or key:raw/okx_ohlcv"),
)


def test_no_secret_turns_up_in_anything_that_is_printed_or_written(
    platform: Path, webhook: Webhook, parsed_marts: Path, tmp_path: Path
) -> None:
    folder, outside = platform.parent, tmp_path / "outside"
    outside.mkdir()
    hidden = secrets(webhook, outside)
    home = folder / "dagster"
    environment: Mapping[str, str] = {
        **plain_environment(),
        **hidden,
        "MARKET_ASSETS_CONFIG": str(platform),
        "DAGSTER_HOME": str(home),
    }
    settings = load_settings(platform, {})
    write_dagster_yaml(settings, home)
    shutil.copytree(parsed_marts, Project(settings).target)
    misplaced = outside / "misplaced.yaml"
    misplaced.write_text(f"alerts: {{slack_webhook: https://{canary('misplaced')}/x}}")
    places = Places()
    expected = {
        "doctor": ([*COMMAND, "doctor"], None),
        "ingest": ([*COMMAND, "ingest", "--venue", "binance", *DAY], 0),
        "wrong SQL": ([*COMMAND, "query", "SELECT nonsense FROM raw.binance_ohlcv"], 2),
        "a secret in a file": ([*COMMAND, "status", "--config", str(misplaced)], 2),
        "build": ([*COMMAND, "build", "--from", "2026-03-09", "--to", "2026-03-09",
                   "--select", "ohlcv", "--no-tests"], 0),
        "a look": ([sys.executable, "-c", LOOK], 0),
        "test of channels": ([*COMMAND, "alerts", "test"], 2),
        "Dagster": (DAGSTER, 1),
    }  # fmt: skip
    for name, (command, code) in expected.items():
        done = run(places, name, command, environment)
        said = (done.stdout + done.stderr).decode()
        assert code is None or done.returncode == code, f"{name}: {said[-3000:]}"
    read_files(places, folder)
    read_tables(places, folder / "warehouse")

    assert webhook.received, "the channel was in use"
    # The search sees what is there: in prints, arguments, files, databases, tables.
    seen = places.holding("binance_ohlcv")
    for kind in ("what it printed", "process arguments", "file ", "rows of dagster", "table "):
        assert any(kind in place for place in seen), kind
    found = {
        word: places.holding(word)
        for word in ("canary0", *(part for part in hidden.values() if "canary0" in part))
        if places.holding(word)
    }
    assert not found


def test_dbt_gets_no_secret_of_ours_since_its_sql_can_read_its_environment(platform: Path) -> None:
    settings = load_settings(platform, {})
    given = {"MARKET_ASSETS_SECRET_OPS_URL": canary("ops"), "PATH": "/bin"}
    told = Project(settings).environment(given)
    assert canary("ops") not in told.values()
    assert told["PATH"] == "/bin"
