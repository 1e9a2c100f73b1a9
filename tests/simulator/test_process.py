"""The simulator as a program: settings, control, the end, and what it may import."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import market_assets.simulator
from market_assets.errors import SettingsInvalid
from market_assets.simulator.config import SimulatorConfig
from market_assets.simulator.process import running_simulator

pytestmark = pytest.mark.slow

ROOM = Path(market_assets.simulator.__file__).parent
HOUR = 3_600_000
MARCH = 1_772_323_200_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"prot": 1},
        {"faults": {"http_999": 0.1}},
        {"faults": {"http_500": 1.5}},
        {"faults": {"schedule": [{"fault": "rain", "start_request": 1, "end_request": 2}]}},
        {"faults": {"outages": [{"venue": "kraken", "start": 0, "end": 1}]}},
        {"clock": {"mode": "frozen"}},
        {"clock": {"mode": "frozen", "now": "soon"}},
        {"seed": "one"},
        {"symbols": ["NOSUCHUSDT"]},
        {"instruments": [{"symbol": "BTCUSDT", "colour": "orange"}]},
        {"instruments": [{"symbol": "BTCUSDT", "ct_val": "0.03"}]},
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_do(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        SimulatorConfig.from_mapping(wrong)
    assert caught.value.action


def test_a_wrong_setting_ends_the_program_with_the_usage_code() -> None:
    command = [sys.executable, "-m", "market_assets.simulator", "--config", "-"]
    ended = subprocess.run(
        command, input='{"prot": 1}', capture_output=True, text=True, check=False
    )
    assert ended.returncode == SettingsInvalid.exit_code
    assert "prot" in ended.stderr
    assert ended.stdout == ""


def test_a_wrong_change_is_refused_and_changes_nothing(start: Any) -> None:
    asker = start()
    with pytest.raises(SettingsInvalid, match="http_999"):
        asker.simulator.control(faults={"http_500": 1.0, "http_999": 0.1})
    rows = asker.hours("binance", "BTCUSDT", MARCH, MARCH + HOUR)
    assert len(rows) == 1


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told_to(kind: signal.Signals) -> None:
    with running_simulator() as simulator:
        simulator.process.send_signal(kind)
        assert simulator.process.wait(5.0) == 0


def test_two_processes_with_one_seed_show_one_market(start: Any) -> None:
    spans = [("binance", "BTCUSDT"), ("okx", "1000PEPEUSDT"), ("aster", "LINKUSDT")]
    one, two, other = start(seed=5), start(seed=5), start(seed=6)
    for venue, symbol in spans:
        window = (venue, symbol, MARCH - 30 * HOUR, MARCH)
        assert one.hours(*window) == two.hours(*window)
        assert one.hours(*window) != other.hours(*window)


def test_stats_count_and_reset_and_truth_is_not_counted(start: Any) -> None:
    asker = start()
    asker.hours("okx", "BTCUSDT", MARCH, MARCH + HOUR)
    asker.simulator.truth("okx/instruments")
    stats = asker.simulator.stats()["okx"]
    assert stats["requests"] == 1
    assert stats["by_path"] == {"/api/v5/market/history-candles": 1}
    asker.simulator.control(reset_stats=True)
    assert asker.simulator.stats()["okx"]["requests"] == 0


def test_the_simulator_imports_nothing_of_the_product_but_its_errors() -> None:
    for file in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )  # fmt: skip
            for name in names:
                own = name.startswith(("market_assets.simulator", "market_assets.errors"))
                assert own or not name.startswith("market_assets"), (file, name)


def test_the_root_names_every_venue_and_paths_that_answer(start: Any) -> None:
    """The demo prints this address among those to click."""
    asker = start()

    found = asker.get("/")

    assert found.status_code == 200
    assert set(found.json()["simulated"]) == {"aster", "binance", "bybit", "okx"}
    for path in [*chain(*found.json()["simulated"].values()), found.json()["requests so far"]]:
        assert asker.get(path).status_code != 404, path
