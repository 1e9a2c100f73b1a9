"""`python run_stack.py STATE`: the real stack in a process of its own, which tests can kill."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from market_assets.settings import load_settings
from market_assets.stack.layout import Layout
from market_assets.stack.lock import only_one, publish
from market_assets.stack.stack import Plan, Stack

FAST_DAEMON = str(Path(__file__).with_name("fast_daemon.py"))


def main() -> None:
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *_: sys.exit(0))
    layout = Layout(Path(sys.argv[1]))
    simulator = json.loads((layout.state / "given.json").read_text())
    daemon = (sys.executable, FAST_DAEMON, "run")
    # With an exporter only where a test asks for one.
    settings = load_settings(layout.platform, environ={})
    metrics = settings.metrics_port if "metrics_url" in settings.model_fields_set else 0
    plan = Plan(layout, 0, simulator=simulator, daemon=daemon, metrics_port=metrics)
    with only_one(layout), Stack(plan, tell=lambda message: print(message, flush=True)) as stack:
        stack.start()
        stack.start_daemon()
        publish(layout, url=stack.url)
        stack.watch()


if __name__ == "__main__":
    main()
