"""What the doctor says of Dagster's Postgres, by a real one: used, refused, gone."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from postgres_cluster import BINARIES, Cluster, running_cluster

from market_assets.cli import cli
from market_assets.doctor import Finding, on_postgres
from market_assets.doctor.postgres import CHECK
from market_assets.settings import Secrets, Settings

WRONG = "canary-wrong-9c1e"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as found:
        yield found


def findings(cluster: Cluster, password: str | None = None, **postgres: object) -> list[Finding]:
    told = {"port": cluster.port, **postgres}
    settings = Settings.model_validate({"dagster": {"storage": "postgres", "postgres": told}})
    secret = cluster.password if password is None else password
    return on_postgres(settings, Secrets({"dagster_postgres_password": secret}))


def test_a_server_that_dagster_can_use_is_told_with_its_version(cluster: Cluster) -> None:
    [server, _] = findings(cluster)
    major = cluster.run("psql", "-qtAc", "SHOW server_version").split(".")[0]
    assert (server.check, server.status) == (CHECK, "ok")
    assert f"PostgreSQL {major}." in server.detail


@pytest.mark.parametrize(
    ("given", "said", "action"),
    [
        ({"password": WRONG}, "password authentication failed", "DAGSTER_POSTGRES_PASSWORD"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist', "createdb"),
        ({"user": "nobody"}, "password authentication failed", "PASSWORD"),
        ({"sslmode": "require"}, "SSL", "sslmode"),
    ],
)
def test_a_server_that_refuses_is_quoted_with_what_to_do_and_without_the_password(
    cluster: Cluster, given: dict[str, str], said: str, action: str
) -> None:
    [refused] = findings(cluster, **given)
    assert refused.status == "fail"
    assert said in refused.detail
    assert action in refused.action
    assert WRONG not in repr(refused)
    assert cluster.password not in repr(refused)


def test_a_user_who_may_make_no_tables_is_found_out_before_dagster_is(cluster: Cluster) -> None:
    cluster.run("psql", "-qc", f"CREATE ROLE guest LOGIN PASSWORD '{cluster.password}'")
    [server, _] = findings(cluster, user="guest")
    assert (server.status, "guest may not make tables" in server.detail) == ("fail", True)
    assert 'TO "guest"' in server.action


def test_a_server_that_is_not_there_and_a_secret_that_is_not_set_are_findings() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = {"port": probe.getsockname()[1]}
    settings = Settings.model_validate({"dagster": {"storage": "postgres", "postgres": nobody}})
    [gone] = on_postgres(settings, Secrets({"dagster_postgres_password": WRONG}))
    assert (gone.status, "Connection refused" in gone.detail) == ("fail", True)
    assert "is it running" in gone.action
    [unset] = on_postgres(settings, Secrets({}))
    assert (unset.status, unset.detail) == (
        "fail",
        "the secret dagster_postgres_password is not set",
    )
    assert "MARKET_ASSETS_SECRET_DAGSTER_POSTGRES_PASSWORD" in unset.action


def test_a_client_that_is_missing_or_older_than_the_server_is_told_before_the_night_of_the_backup(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [one.status for one in findings(cluster)] == ["ok", "warn"]
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    program.chmod(0o755)
    [_, old] = findings(cluster)
    assert (old.status, "older than the server" in old.detail) == ("warn", True)
    program.unlink()
    shutil.copy(BINARIES / "pg_dump", program)
    assert findings(cluster)[1].status == "ok"


def test_the_command_asks_the_postgres_of_the_settings(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(
        f"state_dir: {tmp_path / 'state'}\n"
        f"dagster: {{storage: postgres, postgres: {{port: {cluster.port}}}}}\n"
        "venues: {binance: {enabled: false}, okx: {enabled: false}, aster: {enabled: false}}\n"
    )
    monkeypatch.setenv("MARKET_ASSETS_SECRET_DAGSTER_POSTGRES_PASSWORD", WRONG)
    said = CliRunner().invoke(cli, ["doctor", "--config", str(file)]).output
    assert CHECK in said
    assert "password authentication failed" in said
    assert WRONG not in said
