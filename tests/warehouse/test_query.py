"""Other people's SQL: everything may be read, nothing may be changed, errors say what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from warehouse_support import HOURS, SYMBOLS, Open, candle_batch

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.requests import RequestRecord
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.tables import REQUESTS

pytestmark = pytest.mark.slow

ROWS = HOURS * len(SYMBOLS)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckLakeWarehouse]:
    path = tmp_path_factory.mktemp("filled") / "warehouse"
    with DuckLakeWarehouse(path, venues=["binance", "okx"]) as warehouse:
        warehouse.commit(candle_batch())
        yield warehouse


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM raw.binance_ohlcv",
        "WITH x AS (FROM ops.coverage) SELECT count(*) FROM x",
        "DESCRIBE raw.binance_ohlcv",
        "EXPLAIN SELECT 1",
        "SELECT count(*) FROM raw.binance_ohlcv AT (VERSION => 1)",
    ],
)
def test_reading_statements_run(filled: DuckLakeWarehouse, sql: str) -> None:
    assert filled.query(sql).num_rows > 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM raw.binance_ohlcv",
        "INSERT INTO ops.coverage SELECT * FROM ops.coverage",
        "DROP TABLE raw.binance_ohlcv",
        "CREATE TABLE raw.mine (a INT)",
        "SELECT 1; DELETE FROM raw.binance_ohlcv",
        "COPY raw.binance_ohlcv TO 'stolen.csv'",
        "ATTACH 'other.db'",
        "SET threads = 1",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "FROM ducklake_expire_snapshots('lake', older_than => now())",
        "FROM ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "SELECT * FROM read_csv('/etc/passwd')",
        "",
    ],
)
def test_writing_and_reaching_out_are_refused(filled: DuckLakeWarehouse, sql: str) -> None:
    with pytest.raises(RequestInvalid):
        filled.query(sql)
    assert filled.query("FROM raw.binance_ohlcv").num_rows == ROWS


def test_a_wrong_statement_is_answered_with_what_is_wrong(filled: DuckLakeWarehouse) -> None:
    with pytest.raises(RequestInvalid, match=r"(?s)no_such_column.*Candidate bindings"):
        filled.query("SELECT no_such_column FROM raw.binance_ohlcv")


def test_what_was_said_about_locked_or_corrupt_tables_is_still_the_statements_fault(
    filled: DuckLakeWarehouse,
) -> None:
    with pytest.raises(RequestInvalid):
        filled.query("SELECT * FROM corrupt_locked_malformed")


def test_tables_are_there_before_they_hold_anything_and_explain_themselves(
    filled: DuckLakeWarehouse,
) -> None:
    assert filled.query("FROM raw.okx_ohlcv").num_rows == 0
    assert filled.query("FROM raw.okx_instruments").num_rows == 0
    comments = filled.query(
        "SELECT column_name, comment FROM duckdb_columns()"
        " WHERE table_name = 'okx_ohlcv' AND database_name = 'lake'"
    ).to_pylist()
    assert {row["column_name"]: row["comment"] for row in comments} == {
        column.name: column.description for column in OHLCV.columns
    }


def test_rows_lie_in_files_by_year(filled: DuckLakeWarehouse) -> None:
    years = {
        str(file.parent.relative_to(filled.path / "data" / "raw" / "binance_ohlcv"))
        for file in (filled.path / "data").rglob("binance_ohlcv/**/*.parquet")
    }
    assert years == {"year=2026"}


def test_a_reader_of_a_place_where_nothing_is_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(RequestInvalid, match=r"nothing is ingested yet(?s:.*)market-assets ingest"):
        DuckLakeWarehouse(tmp_path / "nowhere", read_only=True)
    assert not (tmp_path / "nowhere").exists()


def test_a_reader_does_not_write(filled: DuckLakeWarehouse, opened: Open) -> None:
    reader = opened(filled.path, read_only=True)
    assert reader.read("binance", OHLCV).num_rows == ROWS
    with pytest.raises(RuntimeError, match="read-only"):
        reader.commit(candle_batch(volume=2.0))


def test_a_reader_that_is_open_sees_the_next_commit(store: Path, opened: Open) -> None:
    writer, reader = opened(store), opened(store, read_only=True)
    assert reader.query("FROM raw.binance_ohlcv").num_rows == 0
    writer.commit(candle_batch())
    assert reader.query("FROM raw.binance_ohlcv").num_rows == ROWS
    assert reader.read("binance", OHLCV).num_rows == ROWS


def test_a_column_that_a_newer_version_knows_is_added_to_an_old_store(
    store: Path, opened: Open
) -> None:
    old = opened(store)
    with old.writing_alone("Making it old"):
        old._session.retrying(
            "x", lambda c: c.execute("ALTER TABLE raw.binance_ohlcv DROP COLUMN quote_volume")
        )
    old.close()
    new = opened(store, venues=["binance"])
    assert new.commit(candle_batch()).inserted == ROWS
    assert new.read("binance", OHLCV)["quote_volume"][0].as_py() == 100.0


def test_the_request_log_has_a_column_for_each_thing_the_client_records() -> None:
    recorded = {field.name for field in fields(RequestRecord)} - {"at"} | {"requested_at"}
    assert {column.name for column in REQUESTS.columns} == recorded


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, market_assets.warehouse.ducklake as _;"
        "heavy = {'duckdb', 'pyarrow', 'numpy', 'pandas', 'filelock'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
