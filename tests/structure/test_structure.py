"""The shape of the code base: what may import what, where a venue is, how long a file gets."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from market_assets.settings.section import VENUE_NAMES
from market_assets.simulator.exchanges import TWINS
from market_assets.simulator.manners import MANNERS as SIMULATED
from market_assets.venues.registry import VENUES

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "market_assets"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400

# The environment is read in settings. These have a reason of their own:
READS_ENVIRONMENT = {
    "simulator/process.py": "hands its own environment on to the process it starts",
    "marts/dbt_server.py": "a fork takes on the environment of whoever asks",
    "marts/project.py": "hands its own environment on to dbt, and a stack names dbt's server in it",
    "stack": "starts Dagster's processes, which get their settings through the environment",
}


def names_of_modules(folder: Path, *not_these: str) -> set[str]:
    return {
        path.stem
        for path in folder.glob("*.py")
        if not path.stem.startswith("_") and path.stem not in not_these
    }


def test_imports_point_down():
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [tool, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_venue_is_the_same_in_every_room():
    """Adding a venue is a file in `venues`, a line in the registry, and these."""
    assert names_of_modules(PACKAGE / "venues", "contract", "registry") == set(VENUES)
    wire = PACKAGE / "simulator" / "wire"
    assert names_of_modules(wire, "archive", "binance_like") == set(VENUES)
    assert set(VENUE_NAMES) == set(VENUES)
    assert tuple(SIMULATED) == tuple(VENUES)
    assert tuple(twin.venue for twin in TWINS) == tuple(VENUES)
    contracts = (REPOSITORY / "pyproject.toml").read_text()
    assert {name for name in VENUES if f"(market_assets.venues.{name})" in contracts} == set(VENUES)
    payloads = REPOSITORY / "tests" / "venues" / "payloads"
    assert {path.name for path in payloads.iterdir() if path.is_dir()} == set(VENUES)


def test_a_venue_registers_under_its_own_name():
    assert {name: venue.name for name, venue in VENUES.items()} == {n: n for n in VENUES}


def test_no_file_is_too_long_to_be_read():
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in SOURCES
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


@pytest.mark.parametrize("module", ["market_assets.cli", "market_assets.ingest.run"])
def test_what_costs_time_to_import_is_not_imported_to_start(module: str):
    heavy = ("pandas", "pandera", "great_expectations", "dagster", "matplotlib")
    program = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_ingest_imports_nothing_heavy_either(lab):
    """Whatever is imported late, inside functions, is imported by a real run; then by Dagster's,
    with its checks and pictures."""
    program = f"""
import sys
from datetime import datetime
from pathlib import Path
from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.schemas.timeline import Window
from market_assets.settings import Settings
from market_assets.warehouse.ducklake import DuckLakeWarehouse
root = Path({str(lab.folder)!r})
settings = Settings.model_validate({dict(lab.given)!r}, context={{"root": root}})
span = Window.of(datetime(2026, 2, 1), datetime(2026, 2, 3))
with DuckLakeWarehouse(root / "warehouse") as lake:
    ingest(Job("binance", "ohlcv", ("BTCUSDT",), span, "1h"), settings, lake).raise_if_incomplete()
heavy = ("pandas", "pandera", "great_expectations", "dagster", "matplotlib")
print([m for m in heavy if m in sys.modules])

import dagster as dg
from market_assets.defs.raw import raw_assets
names = ("binance_ohlcv", "binance_funding_rates")
for raw in [asset for asset in raw_assets(settings) if asset.key.path[-1] in names]:
    assert dg.materialize([raw], partition_key="2026-02-04-05:00").success
print([m for m in heavy if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "['dagster']"]


def reads_environment(path: Path) -> bool:
    """`os.environ`, `os.getenv`, or either imported from os."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            return any(alias.name in ("environ", "getenv") for alias in node.names)
    return False


def test_the_environment_is_read_in_settings_alone():
    readers = {str(path.relative_to(PACKAGE)) for path in SOURCES if reads_environment(path)}
    outside = {path for path in readers if not path.startswith("settings/")}
    allowed = {
        path
        for path in outside
        if any(path == known or path.startswith(f"{known}/") for known in READS_ENVIRONMENT)
    }
    assert outside - allowed == set()


def test_only_the_command_line_prints():
    """Everything else returns what it found: a library that prints cannot be used as one."""
    printing = {
        str(path.relative_to(PACKAGE))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id == "print"
    }
    allowed = {path for path in printing if path.startswith(("cli/", "simulator/", "stack/"))}
    assert printing - allowed == set()
