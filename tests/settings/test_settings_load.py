"""Where settings come from, and what they are when nobody says anything."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, time
from pathlib import Path

import pytest
from pydantic import ValidationError

from market_assets.errors import SettingsInvalid
from market_assets.settings import Settings, load_settings
from market_assets.settings.section import VENUE_NAMES

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    file = folder / "platform.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "venues:\nthresholds:\n"])
def test_an_empty_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    settings = load_settings(write(tmp_path, text), {})

    assert list(settings.venues) == list(VENUE_NAMES)
    assert list(settings.enabled_venues) == ["binance", "okx", "aster"], "bybit has to be asked for"
    assert settings.venues["okx"].base_url == "https://openapi.okx.com"
    assert settings.venues["okx"].start == date(2024, 1, 1)
    assert settings.thresholds.freshness_minutes == 120
    assert settings.warehouse.path == tmp_path / ".state/warehouse"


def test_the_file_of_the_repository_states_the_defaults(tmp_path: Path) -> None:
    defaults = load_settings(write(tmp_path, ""), {})

    found = load_settings(environ={"MARKET_ASSETS_CONFIG": str(ROOT / "platform.yaml")})

    assert found.venues == defaults.venues
    assert found.http == defaults.http
    assert found.thresholds == defaults.thresholds
    assert found.ingest == defaults.ingest
    assert found.simulator == defaults.simulator


def test_the_files_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, named = tmp_path / "here", tmp_path / "named"
    for folder, port in ((here, 1001), (named, 1002)):
        folder.mkdir()
        write(folder, f"simulator: {{port: {port}}}")
    monkeypatch.chdir(here)
    environ = {"MARKET_ASSETS_CONFIG": str(named / "platform.yaml")}

    assert load_settings(environ={}).simulator.port == 1001
    assert load_settings(environ=environ).simulator.port == 1002
    assert load_settings(here / "platform.yaml", environ).simulator.port == 1001
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).file == ROOT / "platform.yaml"


def test_relative_paths_belong_to_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    settings = load_settings(
        write(project, "warehouse: {path: rows}"),
        {"MARKET_ASSETS_STATE_DIR": "/var/lib/market-assets"},
    )

    assert settings.warehouse.path == project / "rows"
    assert settings.state_dir == Path("/var/lib/market-assets")


def test_the_environment_overrides_single_keys(tmp_path: Path) -> None:
    file = write(tmp_path, "venues: {okx: {symbols: [UNIUSDT], concurrency: 9, end: 2025-01-01}}")

    okx = load_settings(
        file,
        {
            "MARKET_ASSETS_VENUES__OKX__SYMBOLS": "BTCUSDT, ETHUSDT",
            "MARKET_ASSETS_VENUES__OKX__INTERVALS": '["1h", "1d"]',
            "MARKET_ASSETS_VENUES__OKX__START": "2026-01-01",
            "MARKET_ASSETS_VENUES__OKX__END": "",
            "MARKET_ASSETS_VENUES__OKX__ENABLED": "false",
            "MARKET_ASSETS_VENUES__OKX__BASE_URL": "http://127.0.0.1:8900/okx/",
            "UNRELATED": "1",
        },
    ).venues["okx"]

    assert okx.symbols == ("BTCUSDT", "ETHUSDT")
    assert okx.intervals == ("1h", "1d")
    assert (okx.start, okx.end) == (date(2026, 1, 1), None)
    assert okx.enabled is False
    assert okx.base_url == "http://127.0.0.1:8900/okx"
    assert okx.concurrency == 9


def test_scalars_mean_what_a_person_reads(tmp_path: Path) -> None:
    text = (
        "alerts: {severities: {freshness: off}, quiet_hours: {start: 22:00, end: 07:00}}\n"
        "thresholds: {daily_cost_usd: 1e-3, freshness_minutes: 0120}\n"
        "venues: {okx: {enabled: false}}\n"
    )

    settings = load_settings(write(tmp_path, text), {})

    assert settings.alerts.severity("freshness") == "off"
    assert settings.alerts.quiet_hours.start == time(22)
    assert settings.alerts.quiet_hours.end == time(7)
    assert settings.thresholds.daily_cost_usd == 0.001
    assert settings.thresholds.freshness_minutes == 120
    assert settings.venues["okx"].enabled is False


def test_lists_of_sections_are_read_from_a_variable(tmp_path: Path) -> None:
    settings = load_settings(
        write(tmp_path, "alerts: {routes: {critical: [log, ops]}}"),
        {"MARKET_ASSETS_ALERTS__CHANNELS": '[{"name": "ops", "url_secret": "ops_url"}]'},
    )

    assert [channel.name for channel in settings.alerts.channels] == ["ops"]
    assert settings.alerts.routes.critical == ("log", "ops")


def test_disabled_venues_are_left_out_of_the_enabled(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "venues: {aster: {enabled: false}}"), {})

    assert list(settings.enabled_venues) == ["binance", "okx"]


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""), {})

    with pytest.raises(ValidationError, match="frozen"):
        settings.thresholds.freshness_minutes = 5  # type: ignore[misc]


def test_every_key_says_what_it_is() -> None:
    from market_assets.settings.variables import known_variables

    assert all(variable.field.description for variable in known_variables().values())
    assert all(field.description for field in Settings.model_fields.values())


def test_importing_the_settings_reads_nothing_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, market_assets.settings;"
        "print(sorted({'yaml', 'pandas', 'dagster', 'httpx'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "MARKET_ASSETS_NONSENSE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == "[]"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="No such file") as caught:
        load_settings(environ={"MARKET_ASSETS_CONFIG": str(tmp_path / "gone.yaml")})

    assert str(tmp_path / "gone.yaml") in str(caught.value)
    assert "MARKET_ASSETS_CONFIG" in caught.value.action


def test_a_venue_whose_api_is_elsewhere_gets_no_rows_from_the_real_archive(tmp_path: Path) -> None:
    simulated = "http://127.0.0.1:8900/binance"
    moved = {"MARKET_ASSETS_VENUES__BINANCE__BASE_URL": simulated}
    told = moved | {"MARKET_ASSETS_VENUES__BINANCE__ARCHIVE_URL": f"{simulated}/archive"}
    file = write(tmp_path, "")

    assert load_settings(file, {}).venues["binance"].archive_url == "https://data.binance.vision"
    assert load_settings(file, {}).venues["okx"].archive_url is None
    assert load_settings(file, moved).venues["binance"].archive_url is None
    assert load_settings(file, told).venues["binance"].archive_url == f"{simulated}/archive"
