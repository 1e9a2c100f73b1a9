"""`python -m market_assets.watch.exporter --config platform.yaml`"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from market_assets.errors import MarketAssetsError
from market_assets.settings import load_settings
from market_assets.watch.exporter.server import HOST, make_server


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m market_assets.watch.exporter",
        description="What the last look of the watch saw: /metrics for Prometheus, and /health.",
    )
    parser.add_argument("--config", type=Path, help="platform.yaml (default: as every command)")
    parser.add_argument("--port", type=int, help="default: that of metrics_url; 0 takes a free one")
    parser.add_argument(
        "--host",
        default=HOST,
        help=f"address to listen on (default {HOST}; there is no login: others can read)",
    )
    options = parser.parse_args()
    try:
        settings = load_settings(options.config)
        port = settings.metrics_port if options.port is None else options.port
        server = make_server(settings.state_dir, port, options.host)
    except MarketAssetsError as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.exit_code
    # The end that a service manager sends is as good as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"http://{options.host}:{server.server_port}/metrics\n")
        sys.stdout.flush()
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
