"""`python -m market_assets.simulator --port 0 --config file.json`"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from market_assets.errors import SettingsInvalid
from market_assets.simulator.config import SimulatorConfig
from market_assets.simulator.reading import invalid
from market_assets.simulator.server import serve


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m market_assets.simulator",
        description="The venues on loopback, over real HTTP.",
    )
    parser.add_argument("--port", type=int, help="0 chooses a free one (the default)")
    parser.add_argument("--config", help="a JSON file; - reads it from stdin")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    options = parser.parse_args()
    try:
        config = SimulatorConfig.from_mapping(_settings(options.config, options.port))
    except SettingsInvalid as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.exit_code
    serve(config, parent=options.parent)
    return 0


def _settings(source: str | None, port: int | None) -> Mapping[str, object]:
    given: object = {}
    if source is not None:
        try:
            given = json.loads(sys.stdin.read() if source == "-" else Path(source).read_text())
        except (OSError, ValueError) as problem:
            raise invalid(source, str(problem)) from problem
    if not isinstance(given, Mapping):
        raise invalid("the settings", "a mapping is needed")
    return given if port is None else {**given, "port": port}


if __name__ == "__main__":
    sys.exit(main())
