"""The examples for quants run as they stand, on a winter of data, from another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from marts_support import MartsLab

pytestmark = pytest.mark.xdist_group("marts")

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_script_backtests_carry_and_draws_it(winter: MartsLab, tmp_path: Path) -> None:
    picture = tmp_path / "carry.png"
    done = subprocess.run(
        [
            *(sys.executable, str(EXAMPLES / "funding_carry.py")),
            *("--config", str(winter.file), "--out", str(picture)),
        ],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a year, deepest loss" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_cell_of_the_notebook_runs(winter: MartsLab, tmp_path: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(EXAMPLES / "funding_carry.ipynb", as_version=4)
    (tmp_path / "funding_carry.py").write_text((EXAMPLES / "funding_carry.py").read_text())
    environment = {
        **os.environ,
        "MARKET_ASSETS_CONFIG": str(winter.file),
        "PYTHONPATH": str(EXAMPLES.parent),
        # Of its own: nothing of the person's settings of Jupyter is read or written.
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
    }
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert any("image/png" in one.get("data", {}) for cell in outputs for one in cell)
    assert "a year, deepest loss" in str(outputs)
