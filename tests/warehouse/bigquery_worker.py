"""A writer on BigQuery that stops for ever between its loads and its transaction: to be killed.

bigquery_worker.py ENDPOINT PROJECT PREFIX
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "bigquery"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from emulator_support import EmulatedBigQuery
from engine_support import settings_of
from warehouse_support import candle_batch

from market_assets.warehouse.bigquery.engine import BigQueryWarehouse


def main() -> None:
    endpoint, project, prefix = sys.argv[1:]
    place = EmulatedBigQuery(endpoint, "", project, prefix)
    warehouse = BigQueryWarehouse(settings_of(place), venues=["binance"])
    symbols = [f"S{number:03}USDT" for number in range(40)]
    # The loads are done when the first of the other parts is asked for: that one never ends.
    warehouse.commit(candle_batch(0, 40, symbols=symbols, decisions=Endless()))


class Endless(tuple[Any, ...]):
    def __iter__(self) -> Any:
        print("loaded", flush=True)
        time.sleep(600)
        return iter(())


if __name__ == "__main__":
    main()
