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


@pytest.mark.parametrize("how", [(), ("--from-snapshot",)])
def test_the_past_is_shown_and_written_as_it_was(
    cli: Any, lake: DuckLakeWarehouse, corrected: str, tmp_path: Path, how: tuple[str, ...]
) -> None:
    for name in ("past.parquet", "past.csv"):
        ran = cli("as-of", corrected, *BINANCE, *how, "--out", str(tmp_path / name))
        assert ran.code == 0, ran.err
        assert "1 rows -> " in ran.out
    table = pyarrow.parquet.read_table(tmp_path / "past.parquet")
    assert table["volume"].to_pylist() == [2.0]
    assert table.schema == OHLCV.arrow_schema()
    assert pyarrow.csv.read_csv(tmp_path / "past.csv")["volume"].to_pylist() == [2.0]
    shown = cli("as-of", corrected, *BINANCE, *how).out
    assert "2.0" in shown
    assert "7.0" not in shown
    assert lake.read("binance", OHLCV)["volume"].to_pylist() == [7.0, 2.0]


def test_a_part_of_the_past_is_asked_for_as_in_an_export(cli: Any, corrected: str) -> None:
    within = ("--from", "2026-03-01", "--to", "2026-03-01T01:00")
    assert "BTCUSDT" not in cli("as-of", corrected, *BINANCE, *within).out
    assert "BTCUSDT" not in cli("as-of", corrected, *BINANCE, "--symbols", "ETHUSDT").out
    assert "BTCUSDT" not in cli("as-of", corrected, *BINANCE, "--interval", "4h").out
    assert "BTCUSDT" in cli("as-of", corrected, *BINANCE, "--symbols", "btcusdt").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("2999-01-01", *BINANCE), "yet to come"),
        (("2026-01-01", *BINANCE, "--dataset", "ohlc"), "there is no dataset"),
        (("2026-01-01", *BINANCE, "--dataset", "instruments"), "keeps no log"),
        (("2001-01-01", *BINANCE, "--from-snapshot"), "no snapshot of 2001-01-01"),
        (("2026-01-01", *BINANCE, "--out", "past.xlsx"), "ends in neither"),
    ],
)
def test_a_wrong_question_gets_one_clear_message(
    cli: Any, corrected: str, arguments: tuple[str, ...], told: str
) -> None:
    ran = cli("as-of", *arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert told in ran.err
    assert corrected
