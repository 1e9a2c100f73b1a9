"""The store of the settings, on BigQuery: told apart from nothing, and honest in what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from emulator_support import EmulatedBigQuery

from market_assets.cli import cli
from market_assets.errors import NothingStored, RequestInvalid
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import to_datetime
from market_assets.settings import Settings, load_settings
from market_assets.warehouse import copying
from market_assets.warehouse.opening import disk_of, is_there, open_warehouse, place_of, version

pytestmark = pytest.mark.xdist_group("bigquery")


@pytest.fixture
def settings(bigquery: EmulatedBigQuery, tmp_path: Path) -> Settings:
    file = tmp_path / "platform.yaml"
    given = {
        "state_dir": str(tmp_path / "state"),
        "warehouse": {"engine": "bigquery"},
        "bigquery": {
            "project": bigquery.project,
            "api_endpoint": bigquery.api_endpoint,
            "dataset_prefix": bigquery.prefix,
        },
    }
    file.write_text(yaml.safe_dump(given))
    return load_settings(file, environ={})


def command(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--config", str(settings.file)])


def test_a_store_is_there_once_somebody_wrote_and_its_version_tells_of_the_next(
    settings: Settings, bigquery: EmulatedBigQuery, tmp_path: Path
) -> None:
    assert (is_there(settings), version(settings), disk_of(settings)) == (False, 0, None)
    with pytest.raises(NothingStored, match=f"there is no dataset {bigquery.prefix}ops"):
        open_warehouse(settings, read_only=True)
    assert not is_there(settings)  # to look makes nothing

    with open_warehouse(settings, venues=()) as warehouse:
        first = warehouse.version()
        assert first == version(settings) > 0
        moment = to_datetime(1_773_144_000_000)
        warehouse.record_requests(
            [RequestRecord(moment, "binance", "/k", "BTCUSDT", 200, "ok", 1.0, 1, 1, 9, "run-1")]
        )
        assert warehouse.version() > first
        assert warehouse.logical_bytes() > 0
        asked = warehouse.ask("SELECT epoch_ms(requested_at) AS at FROM ops.requests").to_pylist()
        assert asked == [{"at": 1_773_144_000_000}]
    assert is_there(settings)
    assert place_of(settings).startswith(f"bigquery project {bigquery.project}")

    # What belongs to files says so, and does not look as if it had been done.
    assert "Nothing to compact" in command(settings, "maintain").output
    with pytest.raises(RequestInvalid, match=r"engine is bigquery(.|\n)*restore-a-backup.md"):
        copying.restore(settings, tmp_path, force=True)
