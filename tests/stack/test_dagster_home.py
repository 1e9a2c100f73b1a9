"""Dagster's settings as the platform writes them, read by Dagster itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from market_assets.defs.local_storage import LocalStorage
from market_assets.errors import SettingsInvalid
from market_assets.settings import Settings, load_settings
from market_assets.stack.dagster_home import made_for, write_dagster_yaml
from market_assets.stack.layout import CHECKOUT
from market_assets.stack.platform_file import ServedAt, demo_layout, write_demo

BASE = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
VARIABLE = "MARKET_ASSETS_SECRET_DAGSTER_POSTGRES_PASSWORD"
PASSWORD = "s3cret/with@signs"
POSTGRES = {"storage": "postgres", "postgres": {"host": "db.internal", "sslmode": "require"}}


def _settings(**dagster: object) -> Settings:
    return Settings.model_validate({"dagster": dagster})


@pytest.fixture
def password() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(VARIABLE, PASSWORD)
        yield PASSWORD


def _read_by_dagster(home: Path) -> InstanceRef:
    return InstanceRef.from_dir(str(home))


def test_the_defaults_write_what_the_checkout_says() -> None:
    assert made_for(Settings(), BASE) == BASE
    assert BASE["storage"]["custom"]["class"] == LocalStorage.__name__


def test_postgres_is_read_by_dagster_with_the_password_of_the_secret(
    tmp_path: Path, password: str
) -> None:
    written = write_dagster_yaml(_settings(**POSTGRES), tmp_path)
    assert password not in written.read_text()
    storage = _read_by_dagster(tmp_path).storage_data
    assert storage is not None
    assert storage.class_name == "DagsterPostgresStorage"
    config: dict[str, Any] = yaml.safe_load(storage.config_yaml)["postgres_db"]
    assert config["hostname"] == "db.internal"
    assert config["scheme"] == "postgresql+psycopg2"
    assert config["params"]["sslmode"] == "require"
    assert config["password"] == {"env": VARIABLE}


def test_postgres_without_its_password_is_refused_with_the_variable_to_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        write_dagster_yaml(_settings(**POSTGRES), tmp_path)
    assert VARIABLE in str(refused.value)
    assert not (tmp_path / "dagster.yaml").exists()


def test_limits_and_the_bucket_of_logs_are_read_by_dagster(tmp_path: Path) -> None:
    given = {"max_concurrent_runs": 12, "max_backfill_runs": 8, "compute_logs_bucket": "acme-logs"}
    document = yaml.safe_load(write_dagster_yaml(_settings(**given), tmp_path).read_text())
    assert document["concurrency"]["runs"] == {
        "max_concurrent_runs": 12,
        "tag_concurrency_limits": [{"key": "dagster/backfill", "limit": 8}],
    }
    logs = _read_by_dagster(tmp_path).compute_logs_data
    assert (logs.module_name, logs.class_name) == (
        "dagster_gcp.gcs.compute_log_manager",
        "GCSComputeLogManager",
    )
    assert yaml.safe_load(logs.config_yaml)["bucket"] == "acme-logs"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"max_concurrent_runs": 2, "max_backfill_runs": 3}, "more runs of backfills than runs"),
        ({"compute_logs_bucket": "gs://acme/logs"}, "not a bucket's name"),
        ({"storage": "mysql"}, "dagster.storage"),
    ],
)
def test_what_cannot_work_is_refused_with_its_key(
    tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(yaml.safe_dump({"dagster": wrong}))
    with pytest.raises(SettingsInvalid, match=told):
        load_settings(file, environ={})


def test_the_demo_never_touches_the_postgres_of_the_real_platform(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state_dir": str(tmp_path), "dagster": POSTGRES})
    layout = demo_layout(settings)
    write_demo(settings, layout, 8900, ServedAt(3000, 3001, 3002))
    assert load_settings(layout.platform, environ={}).dagster.storage == "sqlite"
