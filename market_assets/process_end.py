"""How a process of the platform ends."""

from __future__ import annotations

import atexit
import gc


def leave_memory_to_the_system() -> None:
    """Spare this process the search for garbage that Python begins when it ends.

    It looks at every object there is, to free what the system takes back at once: 0.8 s of CPU with
    Dagster or dbt imported, a third of a short process (Python 3.11, 2026-11-22). Files and
    connections are closed where they were opened, and what was registered to run at exit does.
    For programs only: who imports us as a library may count on that search.
    """
    atexit.register(gc.freeze)
