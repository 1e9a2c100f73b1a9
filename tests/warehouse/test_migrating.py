"""Copying one store to another: exact, resumable, and careful with what is there.

Both stores are embedded here; tests/bigquery/test_migrate.py does it with BigQuery.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from warehouse_support import HOURS, Open, ask, at, candle_batch, change, request

from market_assets.errors import CopyDiffers, RequestInvalid, WarehouseUnwritable
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import Window, to_ms
from market_assets.warehouse.contract import Build
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.migrating import Migration
from market_assets.warehouse.migration_memory import Memory
from market_assets.warehouse.parts import Parts

CANDLES = "raw.binance_ohlcv"


class WithParts:
    """A store whose parts are others."""

    def __init__(self, store: DuckLakeWarehouse, parts: Parts) -> None:
        self._parts = parts
        self.ensure, self.tables = store.ensure, store.tables

    def parts(self) -> Parts:
        return self._parts


@pytest.fixture(scope="module")
def filled(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles on both sides of a month's end, one correction, and the requests behind them."""
    path = shutil.copytree(empty_store, tmp_path_factory.mktemp("filled") / "warehouse")
    with DuckLakeWarehouse(path) as store:
        store.commit(candle_batch(requests=[request(0), request(20)]))
        store.commit(candle_batch(3, 1, symbols=("BTCUSDT",), volume=2.0, run_id="run-2"))
        store.record_builds([Build("ohlcv", at(0).date(), at(0).date(), at(0))], "run-1")
    return path


@pytest.fixture(scope="module")
def source(filled: Path) -> Iterator[DuckLakeWarehouse]:
    """It is only read."""
    with DuckLakeWarehouse(filled, read_only=True) as store:
        yield store


@pytest.fixture
def living(filled: Path, tmp_path: Path, opened: Open) -> DuckLakeWarehouse:
    """A source that goes on being written to."""
    return opened(shutil.copytree(filled, tmp_path / "living"))


@pytest.fixture
def target(store: Path, opened: Open) -> DuckLakeWarehouse:
    return opened(store)


def migration(
    source: DuckLakeWarehouse,
    target: DuckLakeWarehouse | WithParts,
    folder: Path,
    *,
    only: Sequence[str] = (CANDLES, "ops.revisions"),
    **options: Any,
) -> Migration:
    return Migration(source, target, Memory(folder, "a", "b"), only, **options)


def fates(migration: Migration) -> Counter[str]:
    return Counter(outcome.fate for outcome in migration.run())


def rows_of(store: DuckLakeWarehouse, table: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row.values()) for row in ask(store, f"SELECT * FROM {table}"))


def test_every_row_arrives_with_its_times_and_runs_and_the_past_can_be_asked_for(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    outcomes = list(migration(source, target, tmp_path, only=()).run())
    assert {outcome.fate for outcome in outcomes} == {"copied"}
    assert all(outcome.source == outcome.target for outcome in outcomes)
    of_candles = [(o.part.label, o.part.source_rows) for o in outcomes if CANDLES in o.part.name]
    assert of_candles == [("2026-01", 24), ("2026-02", 24)]
    for table in (CANDLES, "ops.revisions", "ops.coverage", "ops.changes", "ops.requests"):
        assert rows_of(target, table) == rows_of(source, table) != []
    # A store without marts claims none.
    assert rows_of(target, "ops.builds") == []
    # What was said before the correction of run-2, and what is said since.
    past = [s.read_as_of("binance", OHLCV, _first_correction(source)) for s in (source, target)]
    today = [s.read("binance", OHLCV) for s in (source, target)]
    assert past[0].equals(past[1])
    assert today[0].equals(today[1])
    assert not past[1].equals(today[1])


def _first_correction(store: DuckLakeWarehouse) -> datetime:
    """The last moment before it."""
    [row] = ask(store, "SELECT min(revised_at) AS at FROM ops.revisions")
    moment: datetime = row["at"].replace(tzinfo=UTC) - timedelta(microseconds=1)
    return moment


def test_what_is_there_is_not_copied_again_and_what_has_changed_is(
    living: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    first = fates(migration(living, target, tmp_path))
    # Also by somebody who does not remember the first.
    assert fates(migration(living, target, tmp_path / "elsewhere")) == {
        "already there": first["copied"]
    }
    living.commit(candle_batch(20, 1, symbols=("BTCUSDT",), volume=3.0, run_id="run-3"))
    again = [o.part.name for o in migration(living, target, tmp_path).run() if o.fate == "copied"]
    assert f"{CANDLES} 2026-02" in again
    assert f"{CANDLES} 2026-01" not in again
    assert rows_of(target, CANDLES) == rows_of(living, CANDLES)


def test_one_that_was_stopped_goes_on_where_it_was(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    stopped = migration(source, target, tmp_path).run()
    done = [next(stopped), next(stopped)]
    stopped.close()
    resumed = list(migration(source, target, tmp_path).run())
    assert [o.fate for o in resumed[: len(done)]] == ["already there"] * len(done)
    assert {o.fate for o in resumed[len(done) :]} == {"copied"}
    assert rows_of(target, CANDLES) == rows_of(source, CANDLES)


def test_a_part_that_was_being_replaced_is_ours_whether_that_was_done_or_not(
    living: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    fates(migration(living, target, tmp_path))
    living.commit(candle_batch(20, 1, symbols=("BTCUSDT",), volume=3.0, run_id="run-3"))

    class Dying(Parts):
        def replace(self, table: StoredTable, window: Window, rows: pa.Table) -> None:
            raise KeyboardInterrupt

    dying = migration(living, WithParts(target, Dying(target._session)), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fates(dying)
    assert fates(migration(living, target, tmp_path))["copied"] > 0
    assert rows_of(target, CANDLES) == rows_of(living, CANDLES)


def test_other_data_in_the_target_are_refused_before_anything_is_written(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    target.commit(candle_batch(0, 2, volume=9.0, run_id="somebody"))
    held = rows_of(target, CANDLES)
    with pytest.raises(RequestInvalid, match=r"other data.*binance_ohlcv 2026-01: 4 rows there"):
        fates(migration(source, target, tmp_path))
    assert rows_of(target, CANDLES) == held
    assert rows_of(target, "ops.revisions") == []
    fates(migration(source, target, tmp_path, replace=True))
    for table in (CANDLES, "ops.revisions"):
        assert rows_of(target, table) == rows_of(source, table)


def test_what_would_become_of_each_month_is_foreseen_from_counts(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    target.commit(candle_batch(0, 2, volume=9.0, run_id="somebody"))
    plain, replacing = (migration(source, target, tmp_path, replace=r) for r in (False, True))
    plan = plain.plan()
    assert [plain.foreseen(part) for part in plan] == ["other data", "to copy", "to copy"]
    assert [replacing.foreseen(part) for part in plan] == ["to copy"] * 3
    fates(replacing)
    assert {plain.foreseen(part) for part in plain.plan()} == {"to compare"}


def test_who_migrates_to_another_place_meanwhile_remembers_the_first(tmp_path: Path) -> None:
    Memory(tmp_path, "here", "bigquery first").keep("raw.t 2026-01", "sum")
    Memory(tmp_path, "here", "bigquery second").keep("raw.t 2026-01", "other")
    assert Memory(tmp_path, "here", "bigquery first").knows("raw.t 2026-01", "sum")


def test_a_memory_that_cannot_be_written_is_one_message(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(WarehouseUnwritable, match=r"Remembering what was migrated(?s:.*)state_dir"):
        fates(migration(source, target, tmp_path / "state"))


def test_rows_of_an_older_version_without_a_column_of_today_are_named(
    living: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    change(living, "ALTER TABLE lake.ops.requests DROP COLUMN run_id")
    living.close()
    with DuckLakeWarehouse(tmp_path / "living", venues=["binance"]) as brought_up:
        older = migration(brought_up, target, tmp_path, only=["ops.requests"])
        with pytest.raises(RequestInvalid, match=r"1 of 1 rows have no run_id(?s:.*)--table"):
            fates(older)


def test_as_many_rows_with_one_other_value_are_other_data(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    fates(migration(source, target, tmp_path))
    change(target, f"UPDATE lake.{CANDLES} SET volume = 5 WHERE symbol = 'ETHUSDT'"
           " AND epoch_ms(\"timestamp\") % 86400000 = 0")  # fmt: skip
    with pytest.raises(RequestInvalid, match=r"other data.*2026-02: 24 rows there, 24 in"):
        fates(migration(source, target, tmp_path))


def test_a_copy_that_reads_back_otherwise_is_an_error(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    class Losing(Parts):
        def replace(self, table: StoredTable, window: Window, rows: pa.Table) -> None:
            super().replace(table, window, rows.slice(1))

    losing = migration(source, WithParts(target, Losing(target._session)), tmp_path)
    with pytest.raises(CopyDiffers, match=r"24 rows and the target 23"):
        fates(losing)


def test_months_with_more_rows_than_fit_are_copied_by_days(
    source: DuckLakeWarehouse,
    target: DuckLakeWarehouse,
    tmp_path: Path,
) -> None:
    small = migration(source, target, tmp_path, rows_at_once=HOURS - 1)
    labels = [o.part.label for o in small.run() if CANDLES in o.part.name]
    assert labels == ["2026-01-31", "2026-02-01"]
    assert rows_of(target, CANDLES) == rows_of(source, CANDLES)


def test_rows_that_the_target_would_drop_at_once_are_left_out_and_told(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    class Forgetful(Parts):
        def kept_since(self, table: StoredTable, now: datetime) -> int:
            return to_ms(at(HOURS // 2)) if table.schema == "raw" else 0

    forgetful = migration(source, WithParts(target, Forgetful(target._session)), tmp_path)
    found = {o.part.label: o.fate for o in forgetful.run() if CANDLES in o.part.name}
    assert found == {"2026-01": "past retention", "2026-02": "copied"}
    assert len(rows_of(target, CANDLES)) == HOURS


def test_a_table_that_is_not_there_is_refused_with_those_that_are(
    source: DuckLakeWarehouse, target: DuckLakeWarehouse, tmp_path: Path
) -> None:
    wrong = migration(source, target, tmp_path, only=["raw.binance_trades"])
    with pytest.raises(RequestInvalid, match=r"raw\.binance_trades(.|\n)*raw\.binance_ohlcv"):
        wrong.plan()
