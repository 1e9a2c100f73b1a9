"""What all tests of the BigQuery engine stand on: it starts, answers, and never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from emulator_support import EmulatedBigQuery

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
