"""The fault matrix as a page of the docs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matrix_support import Defect

TARGET = Path(__file__).parents[2] / "docs" / "reference" / "fault-matrix.md"
_HEAD = """# Fault matrix

<!-- Made by tests/quality/test_fault_matrix.py, which runs every row. Do not edit. -->

Each row is run in the tests: a platform with a clean month behind it reads two days from simulated
venues while the defect is there. *Seen* are exactly the checks that fail then, over all raw tables
that were read; *gaps* are the reasons in `ops.gaps`. *Cured by* is what makes every candle and
every settlement equal to the simulator's own truth: *at once* (the run itself), the *next run*,
*repair* (the sensor's: API, then archive), *reconcile* (the daily re-read), or *a person*, who has
been told.
*Still told* stays visible afterwards, because it is a record, or because a person has to decide.

"""


def rendered(defects: Iterable[Defect]) -> str:
    rows = [
        "| defect | what goes wrong | seen | gaps | cured by | still told | corrections |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {d.name} | {d.what} | {_checks(d.seen)} | {', '.join(sorted(d.gaps))} | {d.cure}"
        f" | {_checks(d.expected.left)} | {d.revisions or ''} |"
        for d in defects
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _checks(found: Iterable[str]) -> str:
    """`okx_ohlcv flat_run` and its like, by check; tables only where not all venues are meant."""
    return ", ".join(f"`{name}`" for name in sorted({check.partition(" ")[2] for check in found}))
