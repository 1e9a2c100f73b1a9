"""What local-bigquery 0.3.2 lacks of BigQuery's documented behaviour and this project needs.

Each module fills one gap, says which document it follows, and is called before the server starts.
"""

from __future__ import annotations

from gaps import geography


def fill_gaps() -> None:
    """In place, in this process."""
    geography.leave_out()
