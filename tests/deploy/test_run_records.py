"""Backup and restore of Dagster's run records in a real Postgres."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_cluster import BINARIES, Cluster, running_cluster

from market_assets.errors import MarketAssetsError, ProcessDied, RequestInvalid
from market_assets.settings import Settings
from market_assets.stack.run_records import back_up_run_records, restore_run_records

ROWS = "SELECT count(*), min(body), max(body) FROM runs"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as found, pytest.MonkeyPatch.context() as environment:
        environment.setenv("MARKET_ASSETS_SECRET_DAGSTER_POSTGRES_PASSWORD", found.password)
        # Debian's wrappers choose a version by the system's clusters; ours is none of those.
        environment.setenv("PATH", str(BINARIES), prepend=":")
        yield found


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    """A database with a thousand runs."""
    cluster.run("dropdb", "--if-exists", "--force", "dagster")
    cluster.run("createdb", "dagster")
    sql = "CREATE TABLE runs (id serial PRIMARY KEY, body text);"
    sql += "INSERT INTO runs (body) SELECT 'run ' || n FROM generate_series(1, 1000) AS n"
    _sql(cluster, sql)
    return _settings(port=cluster.port)


def _settings(**postgres: object) -> Settings:
    return Settings.model_validate({"dagster": {"storage": "postgres", "postgres": postgres}})


def _sql(cluster: Cluster, sql: str) -> str:
    return cluster.run("psql", "-qtAc", sql, "dagster").strip()


def test_what_was_backed_up_comes_back_and_nothing_else(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    before = _sql(cluster, ROWS)
    told = back_up_run_records(settings, tmp_path, tmp_path / "copy")
    assert told.endswith("MB of Postgres")
    _sql(cluster, "DELETE FROM runs WHERE id > 10; CREATE TABLE later (id int)")

    with pytest.raises(RequestInvalid, match="has tables already"):
        restore_run_records(settings, tmp_path / "copy", tmp_path, force=False)
    assert restore_run_records(settings, tmp_path / "copy", tmp_path, force=True) == told
    assert _sql(cluster, ROWS) == before
    assert _sql(cluster, "SELECT count(*) FROM pg_tables WHERE tablename = 'later'") == "0"
    assert _sql(cluster, "INSERT INTO runs (body) VALUES ('next') RETURNING id") == "1001"
    assert sorted(file.name for file in (tmp_path / "copy").iterdir()) == [
        "dagster.dump",
        "dagster.dump.sha256",
    ]


def test_an_empty_database_takes_it_without_force(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    back_up_run_records(settings, tmp_path, tmp_path / "copy")
    before = _sql(cluster, ROWS)
    cluster.run("dropdb", "dagster")
    cluster.run("createdb", "dagster")
    restore_run_records(settings, tmp_path / "copy", tmp_path, force=False)
    assert _sql(cluster, ROWS) == before


def test_a_damaged_dump_is_refused_before_anything_is_touched(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    back_up_run_records(settings, tmp_path, tmp_path / "copy")
    dump = tmp_path / "copy" / "dagster.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    with pytest.raises(RequestInvalid, match="checksum differs"):
        restore_run_records(settings, tmp_path / "copy", tmp_path, force=True)
    assert _sql(cluster, "SELECT count(*) FROM runs") == "1000"


@pytest.mark.slow
def test_a_restore_beside_a_running_dagster_fails_and_leaves_what_is_there(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    back_up_run_records(settings, tmp_path, tmp_path / "copy")
    busy = subprocess.Popen(
        [
            *(BINARIES / "psql", "--host=127.0.0.1", f"--port={cluster.port}"),
            *("--username=dagster", "--quiet", "dagster"),
        ],
        env={"PGPASSWORD": cluster.password},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert busy.stdin
    assert busy.stdout
    try:
        busy.stdin.write("BEGIN;\nSELECT count(*) FROM runs;\n")
        busy.stdin.flush()
        busy.stdout.readline()
        with pytest.raises(ProcessDied, match="lock timeout") as failed:
            restore_run_records(settings, tmp_path / "copy", tmp_path, force=True)
        assert "stop everything that uses it first" in str(failed.value)
    finally:
        busy.communicate("ROLLBACK;\n", timeout=30)
    assert _sql(cluster, "SELECT count(*) FROM runs") == "1000"


def test_a_server_that_is_not_there_is_named_and_the_password_is_not(
    cluster: Cluster, tmp_path: Path
) -> None:
    with pytest.raises(MarketAssetsError) as failed:
        back_up_run_records(_settings(port=1), tmp_path, tmp_path / "copy")
    assert "127.0.0.1:1" in str(failed.value)
    assert cluster.password not in str(failed.value)
    assert not (tmp_path / "copy" / "dagster.dump").exists()


def test_a_machine_without_pg_dump_says_what_to_install(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", str(tmp_path))
        with pytest.raises(ProcessDied, match="postgresql-client"):
            back_up_run_records(settings, tmp_path, tmp_path / "copy")


def test_a_backup_of_the_other_storage_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "sqlite").mkdir()
    with pytest.raises(RequestInvalid, match=r"dagster\.storage: sqlite"):
        restore_run_records(settings, tmp_path / "sqlite", tmp_path, force=True)
    back_up_run_records(settings, tmp_path, tmp_path / "copy")
    with pytest.raises(RequestInvalid, match=r"dagster\.storage: postgres"):
        restore_run_records(Settings(), tmp_path / "copy", tmp_path, force=True)
