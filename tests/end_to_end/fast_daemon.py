"""Dagster's daemon, looking at backfills each second instead of each half minute. Tests only."""

from __future__ import annotations

import sys

from dagster._daemon import controller

if not hasattr(controller, "DEFAULT_DAEMON_INTERVAL_SECONDS"):
    sys.exit(
        "Dagster has renamed DEFAULT_DAEMON_INTERVAL_SECONDS: adapt tests/end_to_end/fast_daemon.py"
    )
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

from dagster._daemon.cli import main  # noqa: E402 (the daemons read the value when they start)

if __name__ == "__main__":
    main()
