"""What the processes of a stack are told by their environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from market_assets.settings import Settings
from market_assets.stack.environment import child_environment
from market_assets.stack.platform_file import demo_layout

COUNT_THREADS = "import os, numpy, scipy.linalg; print(len(os.listdir('/proc/self/task')))"


def environment(state: Path, **given: str) -> dict[str, str]:
    settings = Settings.model_validate({"state_dir": state})
    return child_environment(demo_layout(settings), "a-test", given)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_no_thread_waits_for_matrices_to_multiply(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNT_THREADS]
    given = environment(tmp_path, PATH=os.environ["PATH"])
    told = subprocess.run(command, env=given, capture_output=True, text=True, check=True)

    assert int(told.stdout) == 1


def test_who_wants_threads_for_matrices_has_them(tmp_path: Path) -> None:
    assert environment(tmp_path, OPENBLAS_NUM_THREADS="8")["OPENBLAS_NUM_THREADS"] == "8"
