"""Every mistake is told at once: where, which key, the value, what is allowed, and the fix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from market_assets.errors import SettingsInvalid
from market_assets.settings import load_settings

TOMORROW = datetime.now(UTC).date() + timedelta(days=2)


def message(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    file = folder / "platform.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, environ or {})
    return str(caught.value)


CASES = {
    "unknown key": ("warehouse:\n  pth: x", ["line 2", "warehouse.pth", "write warehouse.path"]),
    "unknown section": ("warehose: {}", ["line 1", "warehose", "write warehouse"]),
    "unknown venue": (
        "venues: {binanse: {start: x}}",
        ["venues.binanse", "no such venue", "binance, okx, aster", "write venues.binance"],
    ),
    "dashed symbol": (
        "venues: {okx: {symbols: [btc-usdt]}}",
        ["venues.okx.symbols[0] = 'btc-usdt'", "write BTCUSDT"],
    ),
    "swap symbol": (
        "venues: {okx: {symbols: [BTC-USDT-SWAP]}}",
        ["= 'BTC-USDT-SWAP'", "write BTCUSDT"],
    ),
    "base alone": ("venues: {okx: {symbols: [ETH]}}", ["= 'ETH'", "write ETHUSDT"]),
    "unified symbol": (
        "venues: {okx: {symbols: ['BTC/USDT:USDT']}}",
        ["= 'BTC/USDT:USDT'", "write BTCUSDT"],
    ),
    "repeated symbol": (
        "venues: {okx: {symbols: [BTCUSDT, ETHUSDT, BTCUSDT]}}",
        ["venues.okx.symbols", "BTCUSDT is there more than once", "keep one BTCUSDT"],
    ),
    "no symbols": (
        "venues: {okx: {symbols: []}}",
        ["venues.okx.symbols = []", "nothing is listed"],
    ),
    "unknown interval": ("venues: {okx: {intervals: [1H]}}", ["= '1H'", "1m, 3m", "write 1h"]),
    "start after end": (
        "venues: {okx: {start: 2025-01-02, end: 2025-01-01}}",
        ["venues.okx.start = '2025-01-02'", "after the end", "2025-01-01"],
    ),
    "start in the future": (
        f"venues: {{okx: {{start: {TOMORROW}}}}}",
        ["venues.okx.start", str(TOMORROW), "in the future", "or earlier"],
    ),
    "start before there was a market": (
        "venues: {okx: {start: 1969-01-01}}",
        ["venues.okx.start = '1969-01-01'", "a day from 2009-01-01 on", "correct the year"],
    ),
    "a candle length in other words": (
        "venues: {okx: {intervals: [60m]}}",
        ["venues.okx.intervals[0] = '60m'", "fix: write 1h"],
    ),
    "a number as a symbol": (
        "venues: {okx: {symbols: [1000]}}",
        ["venues.okx.symbols[0] = 1000", "allowed: capital letters", "fix: write it as in BTCUSDT"],
    ),
    "a word that is neither true nor false": (
        "venues: {okx: {enabled: perhaps}}",
        ["venues.okx.enabled = 'perhaps'", "write true or false, as in true"],
    ),
    "no path": ("warehouse: {path: ''}", ["warehouse.path = ''", "nothing is written here"]),
    "no such day": (
        "venues: {okx: {start: 2024-13-01}}",
        ["'2024-13-01'", "month must be in 1..12"],
    ),
    "a number as a day": ("venues: {okx: {start: 20240101}}", ["= 20240101", "YYYY-MM-DD"]),
    "threshold out of range": (
        "thresholds: {completeness_percent: 130}",
        ["thresholds.completeness_percent = 130", "a number from 0 to 100", "write 100"],
    ),
    "port out of range": (
        "simulator: {port: 99999}",
        ["simulator.port = 99999", "from 1 to 65,535", "write 65535"],
    ),
    "url without scheme": (
        "venues: {okx: {base_url: openapi.okx.com}}",
        ["venues.okx.base_url", "without its scheme", "write https://openapi.okx.com"],
    ),
    "url with a bad port": (
        "venues: {okx: {base_url: 'http://host:99999'}}",
        ["venues.okx.base_url", "Port out of range"],
    ),
    "url of another kind": ("venues: {okx: {base_url: 'ftp://x'}}", ["'ftp://x'", "http://"]),
    "wrong type": ("http: {attempts: many}", ["http.attempts = 'many'", "a whole number from 1"]),
    "true is not a number": ("http: {attempts: true}", ["http.attempts = True", "a whole number"]),
    "value for a section": ("http: 5", ["http", "a section is needed here"]),
    "list for a section": ("venues: [okx]", ["venues", "a section is needed here"]),
    "unknown choice": (
        "warehouse: {engine: ducklak}",
        ["warehouse.engine = 'ducklak'", "ducklake or bigquery", "write ducklake"],
    ),
    "a project's name for its id": (
        "bigquery: {project: 'My Project'}",
        ["bigquery.project = 'My Project'", "not a project's id", "write the project's id"],
    ),
    "a label that BigQuery refuses": (
        "bigquery: {labels: {Team: x}}",
        ["a label that BigQuery refuses", "rename 'Team'"],
    ),
    "credentials in the clear": (
        "bigquery: {api_endpoint: 'http://bigquery.internal'}",
        ["bigquery.api_endpoint", "sent there unencrypted", "write it with https://"],
    ),
    "more labels than BigQuery takes": (
        f"bigquery: {{labels: {{{', '.join(f'l{n}: x' for n in range(61))}}}}}",
        ["more labels than BigQuery takes", "at most 60", "remove 1"],
    ),
    "a portfolio's name": (
        "marts: {portfolios: {my port!: {venue: binance, weights: {BTCUSDT: 1}}}}",
        ["a portfolio has an impossible name", "rename 'my port!'"],
    ),
    "unknown alert": (
        "alerts: {severities: {freshnes: off}}",
        ["no such alert", "write freshness"],
    ),
    "unknown channel": (
        "alerts: {channels: [{name: ops, url_secret: ops}], routes: {critical: [opz]}}",
        [
            "alerts.routes.critical = ",
            "critical goes to a channel that is not there: opz",
            "write ops",
        ],
    ),
    "a key of a list's item is left out": (
        "alerts: {channels: [{name: ops}]}",
        ["line 1: alerts.channels[0].url_secret", "it is needed"],
    ),
    "unknown key of a list's item": (
        "alerts: {channels: [{name: ops, url_secret: ops, url: 'slack://a/b'}]}",
        ["alerts.channels[0].url", "no such key", "name, url_secret"],
    ),
    "half of the quiet hours": (
        "alerts: {quiet_hours: {start: 22:00}}",
        ["alerts.quiet_hours.start = '22:00'", "a start and another end"],
    ),
    "a number where a time of day belongs": (
        "alerts: {quiet_hours: {start: 1320, end: 07:00}}",
        ["alerts.quiet_hours.start = 1320", "not a time of day", "HH:MM", "as in 22:00"],
    ),
    "a time of day with a zone of its own": (
        "alerts: {quiet_hours: {start: 22:00, end: '07:00+02:00'}}",
        ["alerts.quiet_hours.end = '07:00+02:00'", "not a time of day", "as in 22:00"],
    ),
    "the name of a market alert in words": (
        "alerts: {market: [{name: BTC 100k!, rule: price_move, above: 1}]}",
        ["alerts.market[0].name = 'BTC 100k!'", "not a name", "small letters", "btc-100k"],
    ),
    "bytes that no column can hold": (
        "costs: {minimum_bytes: 1000000000000000000000}",
        ["costs.minimum_bytes", "out of range"],
    ),
    "a limit of bytes below what the platform's own questions need": (
        "costs: {maximum_bytes_billed: 20971520}",
        ["costs.maximum_bytes_billed = 20971520", "own questions", "write 104857600"],
    ),
    "unknown time zone": (
        "alerts: {quiet_hours: {time_zone: Europe/Berlim}}",
        ["there is no such time zone", "write Europe/Berlin"],
    ),
    "market alert without a limit": (
        "alerts: {market: [{name: a, rule: price_move}]}",
        ["alerts.market[0].above", "it has no limit"],
    ),
    "market alert that always fires": (
        "alerts: {market: [{name: a, rule: price_move, above: 1, below: 2}]}",
        ["alerts.market[0].below", "every value is above", "less than above, 1"],
    ),
    "market alert that never fires": (
        "alerts: {market: [{name: a, rule: price_move, above: .inf}]}",
        ["alerts.market[0].above"],
    ),
    "repeated key": ("http: {}\nhttp: {}", ["line 2, column 1", "the key http is there twice"]),
    "bad yaml": ("venues:\n  okx: [\n", ["platform.yaml, line 3, column 1"]),
    "not sections": ("- 1\n", ["line 1, column 1", "sections such as `venues:`"]),
}


@pytest.mark.parametrize(("text", "facts"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_with_its_facts(tmp_path: Path, text: str, facts: list[str]) -> None:
    told = message(tmp_path, text)

    assert str(tmp_path / "platform.yaml") in told
    assert [fact for fact in facts if fact not in told] == [], told
    assert "2 problems" not in told


def test_all_mistakes_are_told_in_one_message(tmp_path: Path) -> None:
    told = message(
        tmp_path,
        "venues:\n  okx: {symbols: [btc-usdt]}\nhttp: {attempts: 0}\n",
        {"MARKET_ASSETS_SIMULATOR__PORT": "0", "MARKET_ASSETS_SIMULATOR__SED": "1"},
    )

    assert "4 problems" in told
    assert "line 2: venues.okx.symbols[0]" in told
    assert "line 3: http.attempts = 0" in told
    assert "environment variable MARKET_ASSETS_SIMULATOR__PORT: simulator.port = '0'" in told
    assert "write MARKET_ASSETS_SIMULATOR__SEED" in told


def test_an_unknown_variable_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    told = message(tmp_path, "", {"MARKET_ASSETS_WAREHOUSE__PAHT": "/tmp/x"})

    assert "MARKET_ASSETS_WAREHOUSE__PAHT" in told
    assert "write MARKET_ASSETS_WAREHOUSE__PATH" in told


def test_an_empty_path_in_a_variable_is_not_the_folder_of_the_settings(tmp_path: Path) -> None:
    """`MARKET_ASSETS_WAREHOUSE__PATH=${UNSET}` of a compose file."""
    told = message(tmp_path, "", {"MARKET_ASSETS_WAREHOUSE__PATH": ""})

    assert "environment variable MARKET_ASSETS_WAREHOUSE__PATH" in told
    assert "nothing is written here" in told


def test_a_variable_that_names_a_section_is_told_so(tmp_path: Path) -> None:
    told = message(tmp_path, "", {"MARKET_ASSETS_VENUES__BINANCE": "{}"})

    assert "name a key below it: MARKET_ASSETS_VENUES__BINANCE__..." in told


def test_one_mistake_made_300_times_fits_on_a_screen(tmp_path: Path) -> None:
    symbols = ", ".join(f"c{number}usdt" for number in range(300))
    told = message(tmp_path, f"venues: {{binance: {{symbols: [{symbols}]}}}}")

    assert "300 problems" in told
    assert "write C0USDT" in told
    assert "... and 290 more" in told
    assert len(told.splitlines()) < 40


def test_a_folder_instead_of_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load_settings(tmp_path, {})


def test_text_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_bytes(b"venues: \xff\xfe")

    with pytest.raises(SettingsInvalid, match="not UTF-8"):
        load_settings(file, {})


TOKEN = "T0secretTokenA"


@pytest.mark.parametrize(
    "channels",
    [
        f"channels: [{{name: slack, url_secret: 'slack://{TOKEN}/B/C'}}]",
        f"channels: [{{name: slack, url_secret: {TOKEN}}}]",
        f"channels: [{{name: slack, url: 'slack://{TOKEN}/B/C'}}]",
        f"channels: {{slack: 'slack://{TOKEN}/B/C'}}",
        f"channels: ['slack://{TOKEN}/B/C']",
        f"routes: {{critical: ['slack://{TOKEN}/B/C']}}",
        f"routes: {{critical: 'slack://{TOKEN}/B/C'}}",
        f"routes: {{info: [log], slack: 'slack://{TOKEN}/B/C'}}",
    ],
)
def test_a_channel_s_url_in_the_wrong_place_is_refused_and_not_shown(
    tmp_path: Path, channels: str
) -> None:
    said = message(tmp_path, f"alerts: {{{channels}}}")
    assert "alerts." in said
    assert TOKEN not in said


def test_a_url_in_place_of_a_secret_s_name_is_told_where_it_belongs(tmp_path: Path) -> None:
    said = message(tmp_path, "alerts: {channels: [{name: a, url_secret: 'slack://A/B/C'}]}")
    assert "alerts.channels[0].url_secret = *** (not shown" in said
    assert "the name of a secret, not the URL" in said
    assert "MARKET_ASSETS_SECRET_SLACK_URL" in said


def test_a_channel_s_url_in_a_variable_is_refused_and_not_shown(tmp_path: Path) -> None:
    for value in (
        f'[{{"name": "slack", "url_secret": "slack://{TOKEN}/B/C"}}]',
        f'[{{"name": "slack", "url_secret": "slack://{TOKEN}/B/C"',
        f"slack://{TOKEN}/B/C",
    ):
        said = message(tmp_path, "{}", {"MARKET_ASSETS_ALERTS__CHANNELS": value})
        assert "MARKET_ASSETS_ALERTS__CHANNELS" in said
        assert TOKEN not in said
