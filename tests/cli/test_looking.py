"""`status`, `query`, `export`, `instruments` and `--help`: looking, and nothing but looking."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from market_assets.cli import _COMMANDS
from market_assets.cli.inspect import SETTLED, show_coverage
from market_assets.warehouse.opening import query

DAYS = ("--from", "2026-02-01", "--to", "2026-02-05")
ASK = ("ingest", "--venue", "binance", "--symbols", "BTCUSDT,ETHUSDT", *DAYS)


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first of these tests leaves a copy of what it brought, for all others."""
    return tmp_path_factory.mktemp("brought") / "warehouse"


@pytest.fixture
def filled(cli: Any, brought: Path, tmp_path: Path) -> Any:
    if brought.exists():
        shutil.copytree(brought, tmp_path / "warehouse")
    else:
        assert cli(*ASK).code == 0
        shutil.copytree(tmp_path / "warehouse", brought)
    return cli


# -- before anything is stored


@pytest.mark.parametrize(
    "arguments", [("status",), ("query", "select 1"), ("export", "x.csv", "--venue", "binance")]
)
def test_looking_before_the_first_ingest_says_so(cli: Any, tmp_path: Path, arguments: Any):
    ran = cli(*arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "nothing is ingested yet" in ran.err
    assert not (tmp_path / "warehouse").exists(), "looking makes nothing"


# -- status


def test_status_shows_each_series_and_day(filled: Any):
    ran = filled("status", "--days", "6", "--to", "2026-02-06")
    assert ran.code == 0
    assert "binance ohlcv 1h" in ran.out
    lines = ran.out.splitlines()
    (header,) = [line for line in lines if line.split()[1:2] == ["symbol"]]
    assert [f"02-0{day}" in header for day in range(1, 7)] == [True] * 6
    for symbol in ("BTCUSDT", "ETHUSDT"):
        (row,) = [line for line in lines if symbol in line]
        assert row.count("100") == 4


def test_status_marks_days_with_missing_intervals(cli: Any, exchange: Any):
    exchange.control(faults={"lost_rate": 0.05})
    assert cli(*ASK).code == 3
    ran = cli("status", "--days", "6", "--to", "2026-02-06")
    assert ran.code == 0
    assert "!" in ran.out


def test_status_names_symbols_that_nobody_asked_for_with_the_command_that_brings_them(
    filled: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MARKET_ASSETS_VENUES__BINANCE__SYMBOLS", "BTCUSDT,UNIUSDT,NOSUCHUSDT")
    ran = filled("status", "--to", "2026-02-06")
    assert "Nobody asked for binance ohlcv 1h UNIUSDT 2026-02-01 00:00 .. 2026-02-05 00:00" in (
        ran.out
    )
    assert "binance lists no such symbol; what it lists: market-assets instruments" in ran.out
    [command] = re.findall(r"brings it: market-assets (.*)", ran.out)

    assert filled(*shlex.split(command)).code == 0

    after = filled("status", "--to", "2026-02-06").out
    assert re.findall(r"Nobody asked for \S+ \S+ \S+ (\S+)", after) == ["NOSUCHUSDT"]
    assert "Nobody asked" not in filled("status", "--venue", "okx").out


def test_status_of_days_without_data_says_so(filled: Any):
    ran = filled("status", "--days", "2", "--to", "2026-01-06")
    assert ran.code == 0
    assert "2026-01-05 to 2026-01-06" in ran.out


def test_status_of_300_symbols_fits_on_a_screen_and_hides_no_hole(
    capsys: pytest.CaptureFixture[str],
):
    whole = {"venue": "binance", "dataset": "ohlcv", "interval": "1h", "day": date(2026, 2, 1)}
    whole |= {"rows": 24, "missing": 0, **dict.fromkeys(SETTLED, 0)}
    rows = [whole | {"symbol": f"C{number:03}USDT"} for number in range(300)]
    rows[7] |= {"rows": 23, "missing": 1}
    table, days = pyarrow.Table.from_pylist(rows), [datetime(2026, 2, 1, tzinfo=UTC)]

    show_coverage(table, days)
    said = capsys.readouterr().out
    named = [name.strip() for name in re.findall(r"C\d+USDT[\w ]*", said)]
    assert named == ["C000USDT and 298 more", "C007USDT"]
    assert "95.83!" in said

    show_coverage(table, days, folded=False)
    assert capsys.readouterr().out.count("USDT") == 300


# -- query


def test_query_reads_in_three_formats(filled: Any):
    sql = "select symbol, count(*) as n from raw.binance_ohlcv group by symbol order by symbol"
    assert filled("query", sql, "--format", "csv").out.split()[1:] == [
        '"BTCUSDT",96',
        '"ETHUSDT",96',
    ]
    told = [json.loads(line) for line in filled("query", sql, "--format", "json").out.splitlines()]
    assert told == [{"symbol": "BTCUSDT", "n": 96}, {"symbol": "ETHUSDT", "n": 96}]
    assert "ETHUSDT" in filled("query", sql).out


@pytest.mark.parametrize(
    "sql",
    [
        "delete from raw.binance_ohlcv",
        "drop table raw.binance_ohlcv",
        "insert into ops.gaps select * from ops.gaps",
        "update raw.binance_ohlcv set close = 1",
        "create table raw.mine (n integer)",
        "select 1; delete from raw.binance_ohlcv",
        "copy (select 1) to '/tmp/market-assets-should-not-exist.csv'",
    ],
)
def test_query_refuses_to_write(filled: Any, sql: str):
    ran = filled("query", sql)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert not Path("/tmp/market-assets-should-not-exist.csv").exists()
    told = filled("query", "select count(*) from raw.binance_ohlcv", "--format", "csv")
    assert told.out.split()[-1] == "192"


def test_query_points_at_a_mistake_in_the_sql(filled: Any):
    ran = filled("query", "select nothing from raw.binance_ohlcv")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "nothing" in ran.err
    # The statement is quoted as it was written, with the mark below the mistake.
    quoted, mark = ran.err.splitlines()[3:5]
    assert quoted == "LINE 1: select nothing from raw.binance_ohlcv"
    assert mark.index("^") == quoted.index("nothing")


@pytest.mark.parametrize(
    ("table", "advice"),
    [("marts.daily_ohlcv", "`market-assets build`"), ("raw.binance_olhcv", "show all tables")],
)
def test_query_of_a_table_that_is_not_there_says_how_to_go_on(filled: Any, table: str, advice: str):
    ran = filled("query", f"select * from {table}")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert advice in ran.err


def test_a_notebook_reads_by_one_line(filled: Any):
    """The settings are found as a command finds them."""
    assert filled("query", "select 1").code == 0
    answer = query("select count(*) as n from raw.binance_ohlcv")
    assert answer.to_pylist() == [{"n": 192}]


# -- export


def test_an_export_of_what_is_not_stored_says_so(filled: Any, tmp_path: Path):
    """A misspelt symbol would look like a market without trades."""
    file = tmp_path / "x.csv"
    ran = filled("export", str(file), "--venue", "binance", "--symbols", "NOPEUSDT")
    assert "0 rows" in ran.out
    assert "Nothing of this is stored" in ran.err


def test_export_writes_a_window_to_parquet_and_csv(filled: Any, tmp_path: Path):
    inside = ("--from", "2026-02-02", "--to", "2026-02-03", "--symbols", "ETHUSDT")
    for name, read in (
        ("x.parquet", pyarrow.parquet.read_table),
        ("x.csv", pyarrow.csv.read_csv),
    ):
        path = tmp_path / name
        ran = filled("export", str(path), "--venue", "binance", *inside)
        assert (ran.code, ran.out.strip()) == (0, f"24 rows -> {path}")
        table = read(path)
        assert table.num_rows == 24
        assert set(table.column("symbol").to_pylist()) == {"ETHUSDT"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("x.xlsx", "--venue", "binance"), "parquet"),
        (("x.csv", "--venue", "binence"), "Did you mean binance?"),
        (("x.csv", "--venue", "binance", "--dataset", "candles"), "Datasets are"),
    ],
)
def test_an_export_that_makes_no_sense_says_what_would(filled: Any, arguments: Any, told: str):
    ran = filled("export", *arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert told in ran.err


def test_instruments_lists_what_the_venue_trades(filled: Any):
    ran = filled("instruments", "--venue", "binance")
    assert ran.code == 0
    assert "1000PEPEUSDT" in ran.out
    assert "market-assets ingest --venue okx" in filled("instruments", "--venue", "okx").out


# -- help


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_has_help(cli: Any, command: str):
    ran = cli(command, "--help")
    assert ran.code == 0
    assert f"market-assets {command}" in ran.out


@pytest.mark.parametrize("group", [(), ("quarantine",), ("alerts",)])
def test_help_tells_commands_in_whole_sentences(cli: Any, group: tuple[str, ...]):
    said = cli(*group, "--help").out
    assert "..." not in said.partition("Commands:")[2]


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from market_assets.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'duckdb', 'httpx', 'pandas', 'dagster', 'matplotlib'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in _COMMANDS)


def test_an_unknown_command_is_pointed_out(cli: Any):
    ran = cli("ingst")
    assert ran.code == 2
    assert "'ingst'. Did you mean ingest?" in ran.err
