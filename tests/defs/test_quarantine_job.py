"""The job for after a change of rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))

from platform_support import Platform, output_metadata
from quarantine_support import ODD, bring, candle, hour

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.contract import Batch, QuarantinedRow


def test_held_rows_that_pass_today_are_counted_then_stored_by_the_job(platform: Platform) -> None:
    lake = platform.lab.lake
    bring(lake, candle(1, **ODD))
    payload = json.dumps(candle(5), default=str)
    row = QuarantinedRow("BTCUSDT", hour(5), ("rule_of_old",), payload)
    nothing = OHLCV.arrow_schema().empty_table()
    lake.commit(Batch("binance", OHLCV, "1h", "run-1", nothing, quarantined=[row]))

    tried = output_metadata(platform.job("revalidate_quarantine", {"dry_run": True}))
    assert (tried["held"], tried["passing"], tried["released"]) == (2, 1, 0)
    assert lake.read("binance", OHLCV).num_rows == 0

    elsewhere = output_metadata(platform.job("revalidate_quarantine", {"venue": "okx"}))
    assert elsewhere["held"] == 0

    run = platform.job("revalidate_quarantine")
    done = output_metadata(run)
    assert (done["held"], done["released"], done["rows_stored"]) == (2, 1, 1)
    assert done["passing_by_table"] == {"raw.binance_ohlcv": 1}
    assert done["kept_by_reason"] == {"high_too_low": 1}
    [stored] = lake.read("binance", OHLCV).to_pylist()
    assert stored["run_id"] == run.run_id
