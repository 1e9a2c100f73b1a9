"""What local-bigquery 0.3.2 lacks of BigQuery's documented behaviour and this project needs.

Each module fills one gap, says which document it follows, and is called before the server starts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gaps import (
    billing,
    catalogue,
    copies,
    created,
    geography,
    records,
    sent,
    statistics,
    texts,
    views,
    writing,
)


def fill_gaps(statements: Path) -> None:
    """In place, in this process; what is sent is noted in `statements`."""
    # DuckDB looks for it at each statement with parameters, and looking in vain takes milliseconds.
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
    geography.leave_out()
    records.keep_in_memory()
    catalogue.read_from_ducklake()
    created.keep()
    copies.of_moments()
    statistics.write_with_each_table()
    writing.mend()
    texts.read_once()
    views.complete()
    billing.charge()
    sent.note_in(statements)
