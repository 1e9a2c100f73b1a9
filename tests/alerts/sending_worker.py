"""A desk in a process of its own, for tests that kill it: `sending_worker.py FOLDER URL`."""

from __future__ import annotations

import sys
from pathlib import Path

from alert_support import at, settings_for, verdict

from market_assets.alerts.desk import Desk
from market_assets.settings import Secrets

if __name__ == "__main__":
    folder, url = Path(sys.argv[1]), sys.argv[2]
    delivery = {"timeout_seconds": 60}
    settings = settings_for(folder, {"ops": url}, delivery=delivery)
    with Desk(settings, Secrets({"ops_url": url})) as desk:
        desk.tell([verdict()], at(0))
