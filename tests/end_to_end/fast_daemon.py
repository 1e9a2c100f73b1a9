"""Dagster's daemon, which looks more often than a patient one. Tests only.

At backfills each four seconds instead of each half minute, and at runs that may be dead or wait for
a code server each three seconds instead of ten or fifteen; the dagster.yaml of its home says so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dagster._daemon import controller

if not hasattr(controller, "DEFAULT_DAEMON_INTERVAL_SECONDS"):
    sys.exit(
        "Dagster has renamed DEFAULT_DAEMON_INTERVAL_SECONDS: adapt tests/end_to_end/fast_daemon.py"
    )
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 4

instance = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
told = instance.read_text(encoding="utf-8")
for patient, often in (
    ("poll_interval_seconds: 15", "poll_interval_seconds: 3"),
    ("user_code_failure_retry_delay: 10", "user_code_failure_retry_delay: 3"),
):
    if patient not in told and often not in told:
        sys.exit(f"{instance} does not say `{patient}`: adapt tests/end_to_end/fast_daemon.py")
    told = told.replace(patient, often)
instance.write_text(told, encoding="utf-8")

from dagster._daemon.cli import main  # noqa: E402 (the daemons read the value when they start)

if __name__ == "__main__":
    main()
