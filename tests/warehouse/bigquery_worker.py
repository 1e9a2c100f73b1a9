"""A writer on BigQuery that is there to be killed.

bigquery_worker.py ENDPOINT PROJECT PREFIX stops   for ever between its loads and its transaction
bigquery_worker.py ENDPOINT PROJECT PREFIX goes    on; its transaction takes the emulator a while
bigquery_worker.py ENDPOINT PROJECT PREFIX "backs up"   for as long as snapshots take
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
from warehouse_support import candle_batch, request

from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Batch

SYMBOLS = [f"S{number:03}USDT" for number in range(40)]
REQUESTS = 100


def long_batch() -> Batch:
    """Rows and requests that all stand in the script: the emulator reads it for a second."""
    return candle_batch(
        0, 4, symbols=SYMBOLS[:10], requests=[request(number) for number in range(REQUESTS)]
    )


class Endless(tuple[Any, ...]):
    def __iter__(self) -> Any:
        print("loaded", flush=True)
        time.sleep(600)
        return iter(())


def main() -> None:
    endpoint, project, prefix, how = sys.argv[1:]
    place = EmulatedBigQuery(endpoint, "", project, prefix)
    warehouse = BigQueryWarehouse(settings_of(place), venues=["binance"])
    if how == "backs up":
        warehouse.backup()
        return
    if how == "goes":
        warehouse.commit(long_batch())
        print("committed", flush=True)
        return
    # The loads are done when the first of the other parts is asked for: that one never ends.
    warehouse.commit(candle_batch(0, 40, symbols=SYMBOLS, decisions=Endless()))


if __name__ == "__main__":
    main()
