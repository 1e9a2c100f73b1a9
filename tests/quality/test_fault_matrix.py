"""Every defect is repaired to the truth, or shown by exactly the right checks and reasons.

docs/reference/fault-matrix.md is this table: `python tests/quality/test_fault_matrix.py` writes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from lab_support import CALM, Lab
from matrix import DEFECTS, lab_of
from matrix_support import BEFORE, DAYS, VENUES, Defect, judged, live_through, read
from matrix_table import TARGET, rendered

from market_assets.settings.quality import CHECK_NAMES
from market_assets.simulator.process import RunningSimulator, running_simulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse

# One worker: the month before the defects takes longer than most of them.
pytestmark = pytest.mark.xdist_group("fault_matrix")


@pytest.fixture(scope="module")
def running_exchange() -> Iterator[RunningSimulator]:
    """An exchange of its own: some defects change what the venues list."""
    with running_simulator(CALM) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def month(running_exchange: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with the month before the defects."""
    folder = tmp_path_factory.mktemp("month")
    with DuckLakeWarehouse(folder / "warehouse", venues=VENUES) as lake:
        read(lab_of(running_exchange, lake, folder), BEFORE, VENUES)
        lake.maintain()
    return folder / "warehouse"


@pytest.fixture(scope="module")
def days(
    running_exchange: RunningSimulator, month: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[tuple[str, ...]], Path]:
    """The same with the days of some venues, for what goes wrong only after they were read."""

    @cache
    def stored(names: tuple[str, ...]) -> Path:
        folder = tmp_path_factory.mktemp("days")
        with lab_on(month, running_exchange, folder) as lab:
            read(lab, DAYS, names)
        return folder / "warehouse"

    return stored


@contextmanager
def lab_on(stored: Path, venues: RunningSimulator, folder: Path) -> Iterator[Lab]:
    """On a copy of what is stored."""
    calm_again(venues)
    shutil.copytree(stored, folder / "warehouse")
    with DuckLakeWarehouse(folder / "warehouse", venues=VENUES) as lake:
        yield lab_of(venues, lake, folder)


def calm_again(venues: RunningSimulator) -> None:
    venues.control(clock=None, limits=None, faults=None, latency_ms=0)
    was = {
        "symbol": "UNIUSDT",
        "listed": "2020-01-01T00:00:00Z",
        "delisted": None,
        "price": 8.0,
        "funding": [{"since": 0, "hours": 8}],
    }
    venues.control(**CALM, instruments=[was], reset_stats=True)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_repaired_to_the_truth_or_shown_as_what_it_is(
    running_exchange: RunningSimulator,
    month: Path,
    days: Callable[[tuple[str, ...]], Path],
    tmp_path: Path,
    defect: Defect,
) -> None:
    stored = days(defect.venues) if defect.comes_later else month
    with lab_on(stored, running_exchange, tmp_path) as lab:
        assert live_through(lab, defect) == defect.expected


def test_a_clean_month_raises_no_alarm(
    running_exchange: RunningSimulator, days: Callable[[tuple[str, ...]], Path], tmp_path: Path
) -> None:
    whole = BEFORE.clip(start=DAYS.end - 30 * 86_400_000, end=BEFORE.end)
    with lab_on(days(VENUES), running_exchange, tmp_path) as lab:
        assert judged(lab, VENUES, whole) | judged(lab, VENUES, DAYS) == frozenset()


def test_every_check_is_failed_by_some_defect() -> None:
    """Disabling any of them makes a row of the matrix fail."""
    shown = {check.partition(" ")[2] for defect in DEFECTS for check in defect.seen}
    assert shown == set(CHECK_NAMES)


def test_the_table_in_the_docs_is_this_one() -> None:
    assert TARGET.read_text() == rendered(DEFECTS), f"run: python {Path(__file__).name}"


if __name__ == "__main__":
    TARGET.write_text(rendered(DEFECTS))
