"""`as-of`: a table as it was, on the screen and in files."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))

from quarantine_support import bring, candle

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.ducklake import DuckLakeWarehouse

BINANCE = ("--venue", "binance")


@pytest.fixture
def corrected(lake: DuckLakeWarehouse) -> str:
    """A candle that was corrected later, and one that came later; a time between."""
    bring(lake, candle(1))
    moment = datetime.now(UTC).isoformat()
    time.sleep(0.001)
    bring(lake, candle(1, volume=7.0), candle(2))
    return moment


def test_the_past_is_shown_and_written_as_it_was(
    cli: Any, lake: DuckLakeWarehouse, corrected: str, tmp_path: Path
) -> None:
    file = tmp_path / "past.parquet"
    ran = cli("as-of", corrected, *BINANCE, "--out", str(file))
    assert (ran.code, ran.out) == (0, f"1 rows -> {file}\n")
    table = pyarrow.parquet.read_table(file)
    assert table["volume"].to_pylist() == [2.0]
    assert table.schema == OHLCV.arrow_schema()
    shown = cli("as-of", corrected, *BINANCE).out
    assert "2.0" in shown
    assert "7.0" not in shown
    assert lake.read("binance", OHLCV)["volume"].to_pylist() == [7.0, 2.0]


def test_the_store_tells_the_past_by_its_own_snapshot_too(
    cli: Any, lake: DuckLakeWarehouse, corrected: str, tmp_path: Path
) -> None:
    with lake.writing_alone("Forgetting the corrections"):
        lake._session.retrying("x", lambda c: c.execute("DELETE FROM ops.revisions"))
    file = tmp_path / "past.csv"
    assert cli("as-of", corrected, *BINANCE, "--from-snapshot", "--out", str(file)).code == 0
    assert pyarrow.csv.read_csv(file)["volume"].to_pylist() == [2.0]


OTHER_PARTS = [
    ("--from", "2026-03-01", "--to", "2026-03-01T01:00"),
    ("--symbols", "ETHUSDT"),
    ("--interval", "4h"),
    ("--dataset", "funding_rates"),
]
WRONG = [
    (("2999-01-01", *BINANCE), "yet to come"),
    (("2026-01-01", *BINANCE, "--dataset", "ohlc"), "there is no dataset"),
    (("2026-01-01", *BINANCE, "--dataset", "instruments"), "keeps no log"),
    (("2001-01-01", *BINANCE, "--from-snapshot"), "no snapshot of 2001-01-01"),
    (("2026-01-01", *BINANCE, "--out", "past.xlsx"), "ends in neither"),
]


def test_a_part_of_the_past_is_asked_for_as_in_an_export(cli: Any, corrected: str) -> None:
    assert "BTCUSDT" in cli("as-of", corrected, *BINANCE, "--symbols", "btcusdt").out
    for part in OTHER_PARTS:
        ran = cli("as-of", corrected, *BINANCE, *part)
        assert (ran.code, "BTCUSDT" in ran.out) == (0, False), part
        assert "Nothing of this was stored by" in ran.err


@pytest.mark.usefixtures("corrected")
def test_a_wrong_question_gets_one_clear_message(cli: Any) -> None:
    for arguments, told in WRONG:
        ran = cli("as-of", *arguments)
        assert ran.code == 2, arguments
        ran.assert_one_clear_message()
        assert told in ran.err
