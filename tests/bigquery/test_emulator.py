"""What all tests of the BigQuery engine stand on: it starts, answers, and never outlives us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from emulator_support import REPOSITORY, EmulatedBigQuery

pytestmark = pytest.mark.xdist_group("bigquery")

HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from emulator_support import running_emulator
with running_emulator(Path(sys.argv[1])) as emulator:
    print(emulator.process.pid, flush=True)
    time.sleep(600)
"""


def test_the_official_client_asks_it_without_credentials(bigquery: EmulatedBigQuery) -> None:
    assert bigquery.rows("SELECT DATE '2026-03-10' + 1 AS day, 7 / 2 AS half")[0][1] == 3.5


def test_the_emulator_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    emulator = psutil.Process(int(holder.stdout.readline()))
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 30
    while emulator.is_running() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not emulator.is_running()


def test_a_machine_without_its_python_is_told_what_to_install_and_fails(tmp_path: Path) -> None:
    script = "scripts/install-bigquery-emulator.sh"
    lock = "tests/bigquery/emulator/requirements.lock"
    for name in (script, lock):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "sha256sum", "cut", "cat", "grep", "env"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    alone = {"PATH": str(tools), "HOME": str(tmp_path), "UV": shutil.which("false") or "false"}
    ran = subprocess.run(
        [tools / "bash", tmp_path / script], env=alone, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "needs Python 3.13" in ran.stderr
    assert "they are not skipped" in ran.stderr
    assert "-> Run one of: apt-get install python3.13-venv" in ran.stderr
