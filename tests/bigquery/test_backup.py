"""A backup on BigQuery is the store of one moment; it comes back whole, or is none."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from emulator_support import EmulatedBigQuery, RunningEmulator
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))
import bigquery_worker
from engine_support import settings_of, store_fixtures
from warehouse_support import SYMBOLS, ask, candle_batch, hours, request

from market_assets.cli import cli
from market_assets.errors import RequestInvalid, WarehouseDamaged
from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.bigquery.backups import is_whole
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.bigquery.names import Names
from market_assets.warehouse.bigquery.snapshots import Place, Snapshots
from market_assets.warehouse.copying import POINTER

pytestmark = pytest.mark.xdist_group("bigquery")

place, shared, _ = store_fixtures("backup")
LOGS = ("ops.coverage", "ops.requests", "ops.revisions")
# To copy a table costs the emulator 0.3 s of CPU, there and back: these are enough of them.
KEPT = (*LOGS, "ops.builds", "ops.changes", "ops.gaps", "ops.query_costs", "ops.writers",
        "raw.binance_ohlcv", "raw.quarantine")  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere(bigquery_emulator: RunningEmulator) -> Iterator[BigQueryWarehouse]:
    """An empty store of another prefix."""
    settings = settings_of(bigquery_emulator.place("elsewhere"))
    with BigQueryWarehouse(settings) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def then(shared: BigQueryWarehouse) -> dict[str, object]:
    """What the store says when it is backed up."""
    client = shared._link.connected()
    for name in shared.tables() - set(KEPT):
        client.delete_table(shared._tables.path(name))
    shared.commit(candle_batch(0, 3, requests=[request(1)]))
    shared.commit(candle_batch(0, 1, volume=2.0))
    return contents(shared)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup")


@pytest.fixture(scope="module")
def taken(
    shared: BigQueryWarehouse, place: EmulatedBigQuery, then: dict[str, object], folder: Path
) -> Snapshots:
    """A backup, after which the store has gone on."""
    said = command(place, folder, "backup", str(folder / "today"))
    path = json.loads((folder / "today" / "warehouse" / POINTER).read_text())["backup"]
    at = Place.named(path, Names("another", "prefix_"))
    assert at is not None
    rows = {row.name: row.n_rows for row in place.client().list_rows(at.manifest)}
    assert f"Warehouse: {len(rows)} tables, {sum(rows.values())} rows, kept by BigQuery as" in said
    shared.commit(candle_batch(0, 5, volume=3.0, run_id="run-2", requests=[request(3)]))
    assert contents(shared) != then
    return Snapshots(at, rows)


def command(place: EmulatedBigQuery, folder: Path, *arguments: str) -> str:
    """What the command says, or its error."""
    file = folder / "platform.yaml"
    told = settings_of(place).model_dump(mode="json", include={"bigquery", "warehouse"})
    file.write_text(yaml.safe_dump(told | {"state_dir": str(folder / "state")}))
    ran = CliRunner().invoke(cli, [*arguments, "--config", str(file)])
    return ran.output if ran.exit_code == 0 else str(ran.exception)


def contents(warehouse: BigQueryWarehouse) -> dict[str, object]:
    """By the readers of the contract."""
    told: dict[str, object] = {
        name: sorted(map(str, ask(warehouse, f"SELECT * FROM {name}"))) for name in LOGS
    }
    read = warehouse.read("binance", OHLCV)
    covered = warehouse.covered("binance", OHLCV, "1h", SYMBOLS, hours(0, 48))
    return told | {"rows": read.to_pylist(), "covered": covered}


def test_a_backup_is_of_one_moment_expires_is_labelled_and_leaves_out_what_is_made_again(
    place: EmulatedBigQuery, taken: Snapshots
) -> None:
    client = place.client()
    stored = {
        f"{schema}.{item.table_id}"
        for schema in ("raw", "ops")
        for item in client.list_tables(f"{place.prefix}{schema}")
    }
    assert taken.rows.keys() == stored - {"ops.writers", "ops.builds"}
    assert taken.rows["raw.binance_ohlcv"] == 3 * len(SYMBOLS)
    listed = {item.table_id: item for item in client.list_tables(taken.place.dataset)}
    assert len(listed) == len(taken.rows) + 1
    expected = taken.place.moment + timedelta(days=35)
    for item in listed.values():
        assert item.expires == expected
        assert item.labels == {"app": "market-assets", "backup": taken.place.name.lower()}
    snapshots = [client.get_table(taken.place.snapshot(name)) for name in taken.rows]
    assert {table.snapshot_definition.snapshot_time for table in snapshots} == {taken.place.moment}


def test_commits_after_a_backup_are_not_in_it_and_it_is_restored_where_nothing_is(
    elsewhere: BigQueryWarehouse, taken: Snapshots, then: dict[str, object]
) -> None:
    # Named from another store: with its project and dataset.
    assert elsewhere.restore(taken.place.path) == taken
    assert contents(elsewhere) == then
    found = elsewhere._link.connected().get_table(elsewhere._tables.path("raw.binance_ohlcv"))
    assert found.time_partitioning.field == "timestamp"
    assert found.schema[0].mode == "REQUIRED"
    # And it goes on from there.
    assert elsewhere.commit(candle_batch(0, 4, volume=3.0)).inserted == len(SYMBOLS)


def test_over_data_a_backup_is_restored_by_force_alone_and_leaves_nothing_of_them(
    shared: BigQueryWarehouse,
    place: EmulatedBigQuery,
    taken: Snapshots,
    then: dict[str, object],
    folder: Path,
) -> None:
    before = contents(shared)
    refused = command(place, folder, "restore", str(folder / "today"))
    assert "there is data in the warehouse already: ops.changes" in refused
    assert contents(shared) == before
    built = "INSERT INTO {}ops.builds VALUES ('m', {now}, {now}, {now}, 'run', {now})"
    place.rows(built.format(place.prefix, now="CURRENT_TIMESTAMP()"))
    counted = shared._session.writes_of("raw.binance_ohlcv")
    said = command(place, folder, "restore", str(folder / "today"), "--force")
    assert f"Warehouse: {len(taken.rows)} tables" in said
    assert contents(shared) == then
    # Marts were built from what is gone, and who has read it writes nothing.
    assert ask(shared, "SELECT model FROM ops.builds") == []
    assert shared._session.writes_of("raw.binance_ohlcv") > counted


def test_a_backup_that_was_killed_half_way_is_none(
    shared: BigQueryWarehouse, place: EmulatedBigQuery, taken: Snapshots
) -> None:
    client = place.client()
    known = {item.table_id for item in client.list_tables(taken.place.dataset)}
    script = Path(bigquery_worker.__file__)
    command = [sys.executable, str(script), place.api_endpoint, place.project, place.prefix]
    with subprocess.Popen([*command, "backs up"]) as process:
        while not (begun := added(client, taken, known)) and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    time.sleep(0.2)  # the job that was sent ends without its sender
    begun = added(client, taken, known)
    name = min(begun).partition("_")[0]
    assert name != taken.place.name
    assert not [table for table in begun if table.endswith("_manifest")]
    with pytest.raises(RequestInvalid, match="never finished") as refused:
        shared.restore(name, force=True)
    assert taken.place.name in str(refused.value), "the whole one is named"


def added(client: bigquery.Client, taken: Snapshots, known: set[str]) -> set[str]:
    return {item.table_id for item in client.list_tables(taken.place.dataset)} - known


def test_a_backup_that_lost_its_snapshots_is_refused_before_anything_is_replaced(
    shared: BigQueryWarehouse, place: EmulatedBigQuery, taken: Snapshots
) -> None:
    lost = Place(taken.place.dataset, "20260101T000000000Z")
    place.client().copy_table(taken.place.manifest, lost.manifest).result()
    before = shared.read("binance", OHLCV)
    with pytest.raises(WarehouseDamaged, match=r"8 of 8 snapshots(.|\n)*ops\.changes"):
        shared.restore(lost.name, force=True)
    assert shared.read("binance", OHLCV).equals(before)


@pytest.mark.parametrize("name", ["20200101T000000000Z", "backups/today"])
def test_an_unknown_backup_is_refused_by_its_name_with_those_that_are_there(
    place: EmulatedBigQuery, taken: Snapshots, folder: Path, name: str
) -> None:
    refused = command(place, folder, "restore", name)
    assert f"there is no backup {name} in {taken.place.dataset}" in refused
    assert f"Name one of {taken.place.name}" in refused


@given(st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1)))
def test_a_backup_is_named_after_its_moment_and_found_by_that_name(moment: datetime) -> None:
    names = Names("acme", "market_")
    exact = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    place = Place.of(exact, names)
    assert place.moment == exact
    assert {Place.named(given, names) for given in (
        place.name, f"market_backups.{place.name}", place.path)} == {place}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "past_retention", "whole"),
    [(9, 0, True), (7, 2, True), (7, 1, False), (10, 0, False), (0, 0, False), (0, 9, True)],
)
def test_a_restored_table_may_lack_rows_past_retention_and_no_others(
    found: int, past_retention: int, whole: bool
) -> None:
    assert is_whole(found, 9, past_retention) is whole
