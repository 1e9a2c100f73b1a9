"""Importing a strategy's fills: real files, a real warehouse, every way a file is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from market_assets.errors import RequestInvalid
from market_assets.ingest.executions import default_folder, import_executions
from market_assets.settings import Settings, load_settings
from market_assets.warehouse.ducklake import DuckLakeWarehouse

HEADING = "execution_id,timestamp,symbol,venue,side,price,quantity,fee,strategy_id,pnl,metadata\n"
BUY = "a1,2026-02-01T10:00:00Z,BTCUSDT,binance,buy,50000,0.5,10,trend,,\n"
SELL = "a2,2026-02-01T12:00:00Z,BTCUSDT,binance,sell,51000,0.5,10.2,trend,500,\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        environ={
            "MARKET_ASSETS_STATE_DIR": str(tmp_path / "state"),
            "MARKET_ASSETS_WAREHOUSE__PATH": str(tmp_path / "warehouse"),
        }
    )


@pytest.fixture
def store(settings: Settings, empty_lake: Path) -> Iterator[DuckLakeWarehouse]:
    shutil.copytree(empty_lake, settings.warehouse.path)
    with DuckLakeWarehouse(settings.warehouse.path, venues=tuple(settings.venues)) as store:
        yield store


class Lab:
    """A folder to write files into, and what the warehouse made of them."""

    def __init__(self, folder: Path, settings: Settings, store: DuckLakeWarehouse) -> None:
        self.folder = folder
        self.settings = settings
        self.store = store

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_bytes(text.encode("latin-1"))  # which is ASCII, or no UTF-8
        return file

    def bring(self, *paths: Path) -> Any:
        return import_executions(paths, self.settings, self.store)

    def refuse(self, *paths: Path) -> str:
        """The one message of an import that stores nothing."""
        with pytest.raises(RequestInvalid) as refused:
            self.bring(*paths)
        return str(refused.value)

    def fills(self, venue: str = "binance") -> list[dict[str, Any]]:
        return self.ask(f"SELECT * FROM raw.{venue}_trade_executions ORDER BY execution_id")

    def ask(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.store.ask(sql).to_pylist()
        return rows


@pytest.fixture
def lab(tmp_path: Path, settings: Settings, store: DuckLakeWarehouse) -> Lab:
    folder = tmp_path / "drop"
    folder.mkdir()
    return Lab(folder, settings, store)


def test_csv_json_lines_and_parquet_say_the_same(lab: Lab, tmp_path: Path):
    rows = [
        {
            "execution_id": "a1",
            "timestamp": "2026-02-01T10:00:00Z",
            "symbol": "BTCUSDT",
            "venue": "binance",
            "side": "BUY",
            "price": 50000.0,
            "quantity": 0.5,
            "pnl": None,
            "metadata": {"order": 7},
        }
    ]
    csv = lab.write(
        "a.csv",
        "execution_id,timestamp,symbol,venue,side,price,quantity,metadata\n"
        'a1,2026-02-01 11:00+01:00,BTCUSDT,binance,buy,5e4,0.5,"{""order"": 7}"\n',
    )
    lines = lab.write("a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    parquet = lab.folder / "a.parquet"
    frame = pd.DataFrame(rows).assign(
        timestamp=pd.to_datetime(["2026-02-01T10:00:00"]),
        metadata='{"order": 7}',
        pnl=float("nan"),
    )
    frame.to_parquet(parquet)
    assert lab.bring(csv).inserted == 1
    [first] = lab.fills()
    assert (first["price"], first["side"], first["pnl"]) == (50000.0, "buy", None)
    assert first["metadata"] == '{"order": 7}'
    assert str(first["timestamp"])[:19] == "2026-02-01 10:00:00"
    for file in (lines, parquet):
        summary = lab.bring(file)
        assert (summary.inserted, summary.corrected, summary.unchanged) == (0, 0, 1), file
    assert lab.fills() == [first]


def test_the_same_file_again_changes_nothing(lab: Lab):
    file = lab.write("a.csv", HEADING + BUY + SELL)
    assert lab.bring(file).inserted == 2
    before = lab.fills()
    again = lab.bring(file, file)
    assert (again.inserted, again.corrected, again.unchanged) == (0, 0, 4)
    assert lab.fills() == before
    assert lab.ask("SELECT * FROM ops.revisions") == []


def test_a_changed_row_is_a_correction_that_keeps_the_old_value(lab: Lab):
    lab.bring(lab.write("a.csv", HEADING + BUY + SELL))
    summary = lab.bring(
        lab.write("b.csv", HEADING + SELL.replace(",500,", ",499.5,").replace("trend", "carry"))
    )
    assert (summary.inserted, summary.corrected) == (0, 1)
    assert [fill["pnl"] for fill in lab.fills()] == [None, 499.5]
    [revision] = lab.ask("SELECT * FROM ops.revisions")
    old, new = json.loads(revision["old_values"]), json.loads(revision["new_values"])
    assert (old["execution_id"], old["pnl"], old["strategy_id"]) == ("a2", 500.0, "trend")
    assert (new["pnl"], new["strategy_id"]) == (499.5, "carry")


def test_a_folder_again_and_again_does_not_turn_values_back_and_forth(lab: Lab):
    lab.write("2026-02-01.csv", HEADING + BUY + SELL)
    lab.write("2026-02-02.csv", HEADING + SELL.replace(",500,", ",499.5,"))
    lab.write("notes.txt", "not for us")
    for _ in range(3):
        lab.bring(lab.folder)
    assert [fill["pnl"] for fill in lab.fills()] == [None, 499.5]
    assert lab.ask("SELECT * FROM ops.revisions") == []


def test_rows_that_break_a_rule_are_quarantined_once_and_the_others_stored(lab: Lab):
    file = lab.write(
        "a.csv",
        HEADING
        + BUY
        + SELL.replace(",sell,", ",hold,")
        + "a3,2026-02-01T13:00:00Z,btc/usdt,binance,buy,50000,0.5,,,,\n"
        + "a4,2026-02-01T13:00:00Z,BTCUSDT,binance,buy,-1,0.5,,,,\n"
        + "a5,,BTCUSDT,binance,buy,50000,0.5,,,,\n"
        + "a6,2026-02-01T14:00:00Z,BTCUSDT,binance,buy,1,1,,,,\n"
        + "a6,2026-02-01T14:00:00Z,BTCUSDT,binance,buy,2,1,,,,\n",
    )
    for _ in range(2):
        summary = lab.bring(file)
        assert summary.quarantined == 6
    assert [fill["execution_id"] for fill in lab.fills()] == ["a1"]
    held = lab.ask("SELECT payload, reasons FROM raw.quarantine")
    reasons: dict[str, set[str]] = {}
    for row in held:
        identity = json.loads(row["payload"])["execution_id"]
        reasons.setdefault(identity, set()).add(row["reasons"])
    assert reasons == {
        "a2": {"unknown_side"},
        "a3": {"bad_symbol"},
        "a4": {"size_not_positive"},
        "a5": {"null_value"},
        "a6": {"duplicate_key"},
    }
    assert len(held) == 6


def test_each_venue_has_its_own_table(lab: Lab):
    other = BUY.replace("binance", "okx")
    summary = lab.bring(lab.write("a.csv", HEADING + BUY + other))
    assert {venue: done.inserted for venue, done in summary.by_venue.items()} == {
        "binance": 1,
        "okx": 1,
    }
    assert [fill["venue"] for fill in lab.fills("okx")] == ["okx"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", HEADING + BUY.replace("50000", "50.000,5"), "not as many cells"),
        ("a.csv", HEADING + BUY.replace("50000", "fifty"), "a.csv:2: price 'fifty' is no number"),
        ("a.csv", HEADING + BUY.replace("50000", "nan"), "a.csv:2: price 'nan' is no number"),
        ("a.csv", HEADING + BUY.replace("2026-02-01T", "01.02.2026 "), "timestamp is no time"),
        ("a.csv", HEADING + BUY.replace("binance", "kraken"), "a.csv:2 is of the venue 'kraken'"),
        ("a.csv", HEADING + BUY.replace("binance", ""), "a.csv:2 names no venue"),
        ("a.csv", HEADING.replace("price", "prise") + BUY, "lacks price and has prise"),
        ("a.csv", HEADING + BUY.replace("trend", "tränd"), "cannot be read"),
        ("a.jsonl", '{"execution_id": \n', "line 1 is no JSON"),
        ("a.jsonl", "[1]\n", "line 1 is no JSON object"),
        ("a.parquet", "this is no parquet", "cannot be read"),
        ("a.xlsx", "", "is of no kind that is known"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message_and_nothing_is_stored(
    lab: Lab, name: str, text: str, told: str
):
    good = lab.write("0.csv", HEADING + SELL)
    bad = lab.write(name, text)
    said = lab.refuse(good, bad)
    assert told in said
    assert said.count("  -> ") == 1
    assert lab.fills() == []


def test_all_bad_values_of_a_file_are_named_at_once(lab: Lab):
    said = lab.refuse(lab.write("a.csv", HEADING + BUY.replace("50000", "x") * 12))
    assert "12 values are not what they should be" in said
    assert "a.csv:11" in said
    assert "... and 2 more" in said


def test_a_folder_that_is_not_there_is_told_and_an_empty_one_is_nothing_to_do(lab: Lab):
    assert "there is no folder" in lab.refuse(default_folder(lab.settings))
    default_folder(lab.settings).mkdir(parents=True)
    summary = lab.bring(default_folder(lab.settings))
    assert (summary.files, summary.rows) == ((), 0)
