"""The same download through our ingest: every check on, into the embedded warehouse."""

from __future__ import annotations

import argparse
from pathlib import Path

from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.schemas.timeline import Window
from market_assets.settings import load_settings
from market_assets.warehouse.ducklake import DuckLakeWarehouse


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--interval", default="1h")
    parser.add_argument("--start", type=int, required=True)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--funding", action="store_true")
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--prepare", action="store_true", help="Only make the warehouse")
    arguments = parser.parse_args()
    settings = load_settings(
        environ={
            "MARKET_ASSETS_VENUES__BINANCE__BASE_URL": arguments.base_url,
            "MARKET_ASSETS_STATE_DIR": str(arguments.target),
            "MARKET_ASSETS_WAREHOUSE__PATH": str(arguments.target / "warehouse"),
        }
    )
    symbols = tuple(arguments.symbols.split(","))
    window = Window(arguments.start, arguments.end)
    # The warehouse is there already (`--prepare`): making it is once for an installation.
    with DuckLakeWarehouse(settings.warehouse.path, venues=("binance",)) as store:
        if arguments.prepare:
            return
        for dataset, interval in (("ohlcv", arguments.interval), ("funding_rates", "")):
            if dataset == "ohlcv" or arguments.funding:
                job = Job("binance", dataset, symbols, window, interval)
                ingest(job, settings, store).raise_if_incomplete()


if __name__ == "__main__":
    main()
