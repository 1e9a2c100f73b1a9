"""What has been noted is stored once: whoever writes, whoever dies, and with somebody's commit."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from spool_workers import note_until_killed, settle_until_killed
from warehouse_support import Open, ask, candle_batch

from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.estimate import Scan, Statement
from market_assets.warehouse.spool import Spool

STORED = "SELECT asset, label FROM ops.query_costs ORDER BY issued_at"
FILES = (
    "SELECT count(*) AS n FROM __ducklake_metadata_lake.ducklake_data_file f"
    " JOIN __ducklake_metadata_lake.ducklake_table t USING (table_id)"
    " WHERE t.table_name = 'query_costs' AND f.end_snapshot IS NULL"
)
HOUR_AGO = timedelta(hours=1)


def assets(warehouse: DuckLakeWarehouse) -> list[str]:
    return [row["asset"] for row in ask(warehouse, STORED)]


def start(processes: ForkServerContext, target: Any, *args: Any) -> tuple[BaseProcess, Any]:
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=target, args=(*args, sending), daemon=True)
    process.start()
    sending.close()
    return process, receiving


def told_by(pipe: Any) -> list[str]:
    """All that a process said before it was killed; the last word may be cut off."""
    said = []
    try:
        while pipe.poll():
            said.append(pipe.recv())
    except (EOFError, OSError):
        pass
    return said


@pytest.mark.slow
def test_every_statement_is_stored_once_while_those_who_note_and_those_who_store_are_killed(
    processes: ForkServerContext, store: Path, opened: Open
) -> None:
    noted: list[str] = []
    for round_ in range(3):
        noting = [start(processes, note_until_killed, store, 10 * round_ + n) for n in range(2)]
        storing = [start(processes, settle_until_killed, store) for _ in range(2)]
        for _, pipe in storing:
            assert pipe.recv() == "open"
        until = time.time() + random.uniform(0.3, 0.8)
        while time.time() < until:
            for _, pipe in noting:
                noted += told_by(pipe)
        for process, _ in (*storing, *noting):
            process.kill()
        for process, pipe in noting:
            process.join(20)
            noted += told_by(pipe)
    warehouse = opened(store)
    warehouse.settle_costs()
    stored = Counter(assets(warehouse))
    assert set(stored.values()) == {1}
    assert set(noted) - set(stored) == set()
    # Of each that was killed at most the one it was about to tell of is there besides.
    assert len(stored) - len(noted) <= 6
    assert not Spool(store).taking.exists()


def test_who_dies_between_the_commit_and_the_tidying_stores_nothing_twice(
    store: Path, opened: Open
) -> None:
    spool = Spool(store)
    spool.append([Statement("test", asset="one"), Statement("test", asset="two")])
    left = shutil.copy(spool.file, store / "left")
    warehouse = opened(store)
    warehouse.settle_costs()
    shutil.move(left, spool.taking)  # what is on the disk at that moment
    spool.append([Statement("test", asset="three")])
    assert [line.asset for line in warehouse.spent(datetime(2020, 1, 1, tzinfo=UTC))] == [
        "one",
        "three",
        "two",
    ]
    warehouse.settle_costs()
    # Asking what was spent is a statement too, of no asset.
    assert [asset for asset in assets(warehouse) if asset] == ["one", "two", "three"]


def test_a_commit_that_fails_keeps_what_it_would_have_stored(store: Path, opened: Open) -> None:
    warehouse = opened(store)
    Spool(store).append([Statement("test", asset="one")], datetime.now(UTC) - HOUR_AGO)

    def fail(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        warehouse._write("Testing", fail)
    assert assets(warehouse) == []
    warehouse.record_checks([])
    assert assets(warehouse) == ["one"]


def test_what_is_new_waits_and_costs_a_commit_no_file(store: Path, opened: Open) -> None:
    warehouse = opened(store)
    warehouse.missing()
    warehouse.commit(candle_batch())
    assert ask(warehouse, FILES) == [{"n": 0}]


def test_what_is_some_minutes_old_is_stored_with_the_next_commit(store: Path, opened: Open) -> None:
    warehouse = opened(store)
    Spool(store).append([Statement("test", asset="old")], datetime.now(UTC) - HOUR_AGO)
    warehouse.missing()
    warehouse.commit(candle_batch())
    assert ask(warehouse, FILES) == [{"n": 1}]
    assert assets(warehouse) == ["old", ""]
    assert ask(warehouse, "SELECT count(*) AS n FROM raw.binance_ohlcv") == [{"n": 48}]


def test_a_statement_comes_back_from_the_file_as_it_was(tmp_path: Path) -> None:
    statement = Statement(
        "commit", (Scan("raw.a", ("x",), 1, 2, True), Scan("raw.b")), (7,), "raw.a", "run"
    )
    when = datetime(2026, 1, 31, 12, tzinfo=UTC)
    Spool(tmp_path).append([statement], when)
    [noted] = Spool(tmp_path).waiting()
    assert (noted.statement, noted.issued_at) == (statement, when)


def test_half_a_line_that_a_full_disk_left_spoils_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([Statement("a")])
    with spool.file.open("ab") as file:
        file.write(b'\n{"id":"12","at":"20')
    spool.append([Statement("b")])
    assert [noted.statement.label for noted in spool.waiting()] == ["a", "b"]


WHOLE = (
    '{"id":"x","at":"2026-01-31T12:00:00+00:00","label":"a","asset":"","run":"","staged":[],'
    '"scans":[]}'
)


@pytest.mark.parametrize(
    "foreign",
    [
        "123",
        "[]",
        "null",
        "{}",
        "\0" * 100,
        WHOLE.replace("+00:00", ""),
        WHOLE.replace('"2026-01-31T12:00:00+00:00"', '"yesterday"'),
        WHOLE.replace('"label":"a"', '"label":1'),
        WHOLE.replace('"staged":[]', '"staged":null'),
        WHOLE.replace('"scans":[]', '"scans":[["raw.a"]]'),
    ],
)
def test_a_line_of_somebody_else_keeps_no_writer_from_its_work(
    store: Path, opened: Open, foreign: str
) -> None:
    spool = Spool(store)
    ours = WHOLE.replace('"label":"a"', '"label":"ours"')
    spool.file.write_text(f"{foreign}\n{ours}\n")
    warehouse = opened(store)
    assert [line.label for line in warehouse.spent(datetime(2026, 1, 1, tzinfo=UTC))] == ["ours"]
    warehouse.commit(candle_batch())
    assert not spool.taking.exists()
    assert ask(warehouse, "SELECT label FROM ops.query_costs WHERE label = 'ours'") != []


def test_who_may_not_write_reads_all_the_same(tmp_path: Path) -> None:
    """A file in the place of the folder: root may write anywhere else."""
    folder = tmp_path / "folder"
    folder.write_text("")
    spool = Spool(folder)
    spool.append([Statement("a")])
    assert folder.read_text() == ""
